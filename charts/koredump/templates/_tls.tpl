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

{{/* The names of koreapi. */}}
{{- define "koredump.clusterNames" -}}
{{- $service := printf "koreapi.%s" .Release.Namespace }}
{{- list "koreapi" $service (printf "%s.svc" $service) (printf "%s.svc.cluster.local" $service) "localhost" | concat .Values.tls.extraNames | toJson }}
{{- end }}
