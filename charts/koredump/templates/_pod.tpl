{{/* Shared by the pods of both workloads. */}}

{{- define "koredump.podMetadata" -}}
labels:
  {{- with .root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- include .labels .root | nindent 2 }}
  helm.sh/chart: {{ include "koredump.chart" .root }}
{{- with .root.Values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "koredump.podSpec" -}}
automountServiceAccountToken: true
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
# preStop (5 s), the grace period, and time to exit.
terminationGracePeriodSeconds: {{ add .Values.gracePeriodSeconds 15 }}
{{- end }}

{{- define "koredump.container" -}}
image: {{ include "koredump.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
livenessProbe:
  httpGet:
    path: /livez
    port: ops
  {{- with .Values.livenessProbe }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
readinessProbe:
  httpGet:
    path: /readyz
    port: ops
  {{- with .Values.readinessProbe }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
lifecycle:
  preStop:
    # Keep serving until the pod is removed from all endpoints.
    exec:
      command: [sleep, "5"]
{{- end }}

{{- define "koredump.commonArgs" -}}
- {{ printf "--listen=%s:%v" .root.Values.ports.host .port | quote }}
- {{ printf "--ops-listen=%s:%v" .root.Values.ports.host .root.Values.ports.ops | quote }}
- --auth=kubernetes
- --log-level={{ .root.Values.logLevel }}
- --log-format=json
- --grace-period={{ .root.Values.gracePeriodSeconds }}s
{{- if .tls }}
- --tls-cert=/tls/tls.crt
- --tls-key=/tls/tls.key
{{- else }}
- --insecure-http
{{- end }}
{{- if .root.Values.allowDelete }}
- --allow-delete
{{- end }}
{{- end }}
