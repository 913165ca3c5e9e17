{{/* A volume with ca.crt, the CA of a certificate. It contains no key. */}}
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

{{/* DNS names and IP addresses in the certificate of the node agents. */}}
{{- define "koredump.nodeSubjects" -}}
{{- dict "names" (list (include "koredump.nodeServerName" .)) "addresses" list | toJson }}
{{- end }}

{{/* DNS names and IP addresses in the certificate of koreapi. Clients do not accept an IP address among the DNS names. */}}
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
