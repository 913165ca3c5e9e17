{{/*
The paths of the host that the node agent mounts. All of them are listed here.

Each hostPath has a type: without one, the container runtime creates missing paths as directories on the host. The chart
lets it create only the state directory and directories that systemd creates itself. It never creates /var/log/journal:
if that directory exists, journald writes its journal there.
*/}}
{{- define "koredump.hostPaths" -}}
- { name: coredumps, path: /var/lib/systemd/coredump, type: DirectoryOrCreate, writable: {{ .Values.allowDelete }} }
- { name: state, path: /var/lib/koredump, type: DirectoryOrCreate, writable: true }
- { name: machine-id, path: /etc/machine-id, type: File }
{{- if eq .Values.node.hostMounts "exact" }}
- { name: persistent-journal, path: /var/log/journal, type: Directory }
- { name: volatile-journal, path: /run/log/journal, type: DirectoryOrCreate }
- { name: containers, path: /var/log/containers, type: Directory }
- { name: pods, path: /var/log/pods, type: Directory }
{{- else }}
- { name: log, path: /var/log, type: Directory }
- { name: volatile-log, path: /run/log, type: DirectoryOrCreate }
{{- end }}
{{- end }}

{{- define "koredump.hostMounts" -}}
{{- $recursive := semverCompare ">=1.31.0-0" .Capabilities.KubeVersion.Version }}
{{- range include "koredump.hostPaths" . | fromYamlArray }}
- name: {{ .name }}
  mountPath: {{ .path }}
  readOnly: {{ not .writable }}
  {{- if and $recursive (not .writable) }}
  recursiveReadOnly: IfPossible
  {{- end }}
{{- end }}
{{- end }}

{{- define "koredump.hostVolumes" -}}
{{- range include "koredump.hostPaths" . | fromYamlArray }}
- name: {{ .name }}
  hostPath:
    path: {{ .path }}
    type: {{ .type }}
{{- end }}
{{- end }}
