{{- define "bifang.labels" -}}
app.kubernetes.io/name: bifang
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "bifang.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "bifang.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest }}{{ $image.repository }}@{{ $image.digest }}{{ else }}{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "bifang.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* What every container of ours has: image, variables, places. A dict of root and part. */}}
{{- define "bifang.container" -}}
image: {{ include "bifang.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext: {{- include "bifang.security" . | nindent 2 }}
envFrom:
  - secretRef: {name: {{ required "请在 existingSecret 里写明 Secret 的名称（键：DATABASE_URL、BIFANG_ENCRYPTION_KEY、DJANGO_SECRET_KEY）" .root.Values.existingSecret | quote }}}
env:
  - {name: BIFANG_DATA_DIR, value: /data}
  - {name: BIFANG_LOG_TO, value: console}
  - {name: BIFANG_PULSE_FILE, value: /tmp/pulse}
  - {name: BIFANG_HTTPS, value: {{ ternary "1" "0" .root.Values.https | quote }}}
  {{- range $name, $value := .root.Values.env }}
  - {name: {{ $name }}, value: {{ $value | quote }}}
  {{- end }}
  {{- if .root.Values.kafka.servers }}
  - {name: BIFANG_KAFKA_SERVERS, value: {{ .root.Values.kafka.servers | quote }}}
  - {name: BIFANG_KAFKA_TOPICS, value: {{ .root.Values.kafka.topics | quote }}}
  - {name: BIFANG_KAFKA_GROUP, value: {{ .root.Values.kafka.group | quote }}}
  {{- end }}
volumeMounts:
  - {name: data, mountPath: /data}
  - {name: tmp, mountPath: /tmp}
  {{- if not .alone }}
  - {name: uploads, mountPath: /data/ingest}
  {{- end }}
  {{- if .root.Values.secretFiles }}
  - {name: secrets, mountPath: /run/secrets, readOnly: true}
  {{- end }}
{{- end }}

{{- define "bifang.pod" -}}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - {name: data, emptyDir: {}}
  - {name: tmp, emptyDir: {}}
  {{- if not .alone }}
  - name: uploads
    persistentVolumeClaim: {claimName: {{ .root.Values.uploads.existingClaim | default (printf "%s-uploads" (include "bifang.name" .root)) }}}
  {{- end }}
  {{- if .root.Values.secretFiles }}
  - {name: secrets, secret: {secretName: {{ .root.Values.secretFiles }}, defaultMode: 0440}}
  {{- end }}
{{- end }}
