{{/* The authority of a certificate as a volume with ca.crt, and nothing of the key. */}}
{{- define "koredump.caVolume" -}}
{{- if eq .root.Values.tls.mode "openshift" -}}
configMap:
  name: {{ include "koredump.fullname" .root }}-service-ca
  items:
    - { key: service-ca.crt, path: ca.crt }
{{- else -}}
secret:
  secretName: {{ .secret }}
  items:
    - { key: ca.crt, path: ca.crt }
{{- end }}
{{- end }}

{{/* What the certificate of a node's server is for: names and addresses. */}}
{{- define "koredump.nodeSubjects" -}}
{{- dict "names" (list (include "koredump.nodeServerName" .)) "addresses" list | toJson }}
{{- end }}

{{/* What koreapi's is for. An address that stood among the names would be none to clients. */}}
{{- define "koredump.clusterSubjects" -}}
{{- $service := printf "koreapi.%s" .Release.Namespace }}
{{- $names := list }}
{{- $addresses := list }}
{{- range .Values.tls.extraNames }}
{{- if regexMatch `^\d+(\.\d+){3}$|:` . }}
{{- $addresses = append $addresses . }}
{{- else }}
{{- $names = append $names . }}
{{- end }}
{{- end }}
{{- $names = list "koreapi" $service (printf "%s.svc" $service) (printf "%s.svc.cluster.local" $service) "localhost" | concat $names }}
{{- dict "names" $names "addresses" $addresses | toJson }}
{{- end }}
