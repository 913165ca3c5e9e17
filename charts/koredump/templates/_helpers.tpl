{{/* Names and labels. */}}

{{- define "koredump.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Short enough for what is put behind it. */}}
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

{{/* Of everything that is one for a cluster: releases of one name in two namespaces do not collide. */}}
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

{{/* What "auto" comes to; "true" or empty. */}}

{{- define "koredump.openshift" -}}
{{- $auto := .Capabilities.APIVersions.Has "route.openshift.io/v1" }}
{{- if eq (toString .Values.openshift.enabled) "auto" | ternary $auto .Values.openshift.enabled }}true{{ end }}
{{- end }}

{{- define "koredump.route" -}}
{{- $auto := include "koredump.openshift" . }}
{{- if eq (toString .Values.route.enabled) "auto" | ternary $auto .Values.route.enabled }}true{{ end }}
{{- end }}

{{- define "koredump.installCli" -}}
{{- $auto := include "koredump.openshift" . }}
{{- if eq (toString .Values.installCli) "auto" | ternary $auto .Values.installCli }}true{{ end }}
{{- end }}

{{- define "koredump.nodeTls" -}}
{{- if ne .Values.tls.mode "none" }}true{{ end }}
{{- end }}

{{/* Whether koreapi speaks HTTPS. */}}
{{- define "koredump.serviceTls" -}}
{{- $auto := has .Values.tls.mode (list "cert-manager" "openshift") }}
{{- $on := eq (toString .Values.tls.service) "auto" | ternary $auto .Values.tls.service }}
{{- if and $on (include "koredump.nodeTls" .) }}true{{ end }}
{{- end }}

{{- define "koredump.servicePort" -}}
{{- .Values.service.port | default (include "koredump.serviceTls" . | empty | ternary 80 443) }}
{{- end }}

{{/* The one name in the certificates of all nodes; with OpenShift's service CA it must be that of a Service. */}}
{{- define "koredump.nodeServerName" -}}
{{- printf "%s-node.%s.svc" (include "koredump.fullname" .) .Release.Namespace }}
{{- end }}

{{/* Refuses in words what the schema cannot. */}}
{{- define "koredump.validate" -}}
{{- if .Values.flaskDebug }}
{{- fail "flaskDebug: true is refused: there is no Flask any more. logLevel: debug tells more in the log." }}
{{- end }}
{{- if not .Values.serviceAccount.automount }}
{{- fail "serviceAccount.automount: false is refused: both servers ask Kubernetes who their callers are." }}
{{- end }}
{{- if .Values.securityContext.daemonset.privileged }}
{{- fail "securityContext.daemonset.privileged: true is refused: root without any capability reads cores and journals. If they are not root's on your nodes, set node.dacReadSearch: true." }}
{{- end }}
{{- if and (eq .Values.tls.mode "none") (eq (toString .Values.tls.service) "true") }}
{{- fail "tls.service: true is refused with tls.mode: none: say whose certificate it is, generated, cert-manager or openshift." }}
{{- end }}
{{- /* Helm makes floats of all numbers in files, and whether one was written 1.0 or 1 nobody knows then. --set leaves integers as they are. */}}
{{- if not (has (typeOf .Values.image.tag) (list "string" "int64" "<nil>")) }}
{{- fail "image.tag is refused: it is a number, of which Helm would make another tag (1.1 of 1.10). Quote it: tag: \"1.10\" in a values file, --set-string on the command line." }}
{{- end }}
{{- range list "service" "daemonSet" }}
{{- if eq (int (get $.Values.ports .)) (int $.Values.ports.ops) }}
{{- fail (printf "ports.%s is refused: it is %d, and so is ports.ops. In one pod both cannot listen there." . (int $.Values.ports.ops)) }}
{{- end }}
{{- end }}
{{- range $probe := list "livenessProbe" "readinessProbe" }}
{{- range list "httpGet" "tcpSocket" "exec" "grpc" }}
{{- if hasKey (get $.Values $probe) . }}
{{- fail (printf "%s.%s is refused: what is asked is the servers' own /livez and /readyz. Periods and thresholds can be set." $probe .) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- fail "autoscaling.minReplicas is refused: it is more than autoscaling.maxReplicas." }}
{{- end }}
{{- end }}
