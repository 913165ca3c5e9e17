{{/* Names and labels. */}}

{{- define "koredump.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Leaves room for suffixes. */}}
{{- define "koredump.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* For cluster-scoped resources. Includes the namespace, so that releases with the same name do not collide. */}}
{{- define "koredump.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "koredump.fullname" .) }}
{{- end }}

{{- define "koredump.serviceAccount" -}}
{{- default (include "koredump.fullname" .) .Values.serviceAccount.name }}
{{- end }}

{{- define "koredump.image" -}}
{{- $tag := kindIs "invalid" .Values.image.tag | ternary "" (toString .Values.image.tag) }}
{{- printf "%s:%s" .Values.image.repository ($tag | default .Chart.AppVersion) }}
{{- end }}

{{- define "koredump.selectorLabels" -}}
app.kubernetes.io/name: {{ include "koredump.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "koredump.nodeLabels" -}}
{{ include "koredump.selectorLabels" . }}
koredump.daemonset: "1"
{{- end }}

{{- define "koredump.clusterLabels" -}}
{{ include "koredump.selectorLabels" . }}
koredump.service: "1"
{{- end }}

{{- define "koredump.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "koredump.labels" -}}
helm.sh/chart: {{ include "koredump.chart" . }}
{{ include "koredump.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Resolve "auto". The result is "true" or empty. */}}

{{- define "koredump.openshift" -}}
{{- $auto := .Capabilities.APIVersions.Has "route.openshift.io/v1" }}
{{- if eq (toString .Values.openshift.enabled) "auto" | ternary $auto .Values.openshift.enabled }}true{{ end }}
{{- end }}

{{- define "koredump.route" -}}
{{- $auto := include "koredump.openshift" . }}
{{- if eq (toString .Values.route.enabled) "auto" | ternary $auto .Values.route.enabled }}true{{ end }}
{{- end }}

{{- define "koredump.nodeTls" -}}
{{- if ne .Values.tls.mode "none" }}true{{ end }}
{{- end }}

{{/* Whether the Service koreapi serves HTTPS. */}}
{{- define "koredump.serviceTls" -}}
{{- $auto := has .Values.tls.mode (list "cert-manager" "openshift") }}
{{- $on := eq (toString .Values.tls.service) "auto" | ternary $auto .Values.tls.service }}
{{- if and $on (include "koredump.nodeTls" .) }}true{{ end }}
{{- end }}

{{- define "koredump.servicePort" -}}
{{- .Values.service.port | default (include "koredump.serviceTls" . | empty | ternary 80 443) }}
{{- end }}

{{/* The DNS name in the certificate that all node agents share. OpenShift's service CA requires the name of a Service. */}}
{{- define "koredump.nodeServerName" -}}
{{- printf "%s-node.%s.svc" (include "koredump.fullname" .) .Release.Namespace }}
{{- end }}

{{/* Checks that the schema cannot express. */}}
{{- define "koredump.validate" -}}
{{- if .Values.flaskDebug }}
{{- fail "flaskDebug: true is not supported. For debug logs, set logLevel: debug." }}
{{- end }}
{{- if not .Values.serviceAccount.automount }}
{{- fail "serviceAccount.automount: false is not supported: the servers need a token to authenticate callers with the Kubernetes API. Remove this value." }}
{{- end }}
{{- if .Values.securityContext.daemonset.privileged }}
{{- fail "securityContext.daemonset.privileged: true is not supported: the node agent needs no privileges. Remove this value. If root does not own the core files or journals of your nodes, set node.dacReadSearch: true." }}
{{- end }}
{{- if and (eq .Values.tls.mode "none") (eq (toString .Values.tls.service) "true") }}
{{- fail "tls.service: true needs a certificate, and tls.mode: none has none. Set tls.mode to generated, cert-manager or openshift." }}
{{- end }}
{{- /* Helm parses numbers in a values file as floats, so 1.10 and 1.1 look the same here. --set keeps integers. */}}
{{- if not (has (typeOf .Values.image.tag) (list "string" "int64" "<nil>")) }}
{{- fail "image.tag is a number, which Helm would change (1.10 to 1.1). Quote it in the values file (tag: \"1.10\"), or use --set-string on the command line." }}
{{- end }}
{{- range list "service" "daemonSet" }}
{{- if eq (int (get $.Values.ports .)) (int $.Values.ports.ops) }}
{{- fail (printf "ports.%s and ports.ops are both %d. Set two different ports." . (int $.Values.ports.ops)) }}
{{- end }}
{{- end }}
{{- range $probe := list "livenessProbe" "readinessProbe" }}
{{- range list "httpGet" "tcpSocket" "exec" "grpc" }}
{{- if hasKey (get $.Values $probe) . }}
{{- fail (printf "%s.%s is not supported: the probes always request /livez and /readyz. Set only periods, timeouts and thresholds." $probe .) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- fail "autoscaling.minReplicas is greater than autoscaling.maxReplicas. Set a smaller minReplicas or a greater maxReplicas." }}
{{- end }}
{{- end }}
