{{- define "countersign.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag }}{{ end }}
{{- end }}

{{- define "countersign.labels" -}}
app.kubernetes.io/name: countersign
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "countersign.claim" -}}
{{ .Values.state.existingClaim | default (printf "%s-state" .Release.Name) }}
{{- end }}

{{- define "countersign.env" -}}
- {name: COUNTERSIGN_BASE_URL, value: {{ .Values.baseUrl | quote }}}
- {name: COUNTERSIGN_BEHIND_PROXY, value: {{ ternary "1" "0" .Values.behindProxy | quote }}}
- {name: COUNTERSIGN_STATE, value: /var/lib/countersign}
- {name: COUNTERSIGN_IMAGE_DIGEST, value: {{ .Values.image.digest | quote }}}
- {name: COUNTERSIGN_DRAIN_SECONDS, value: {{ .Values.drainSeconds | quote }}}
- name: COUNTERSIGN_SECRET_KEY
  valueFrom: {secretKeyRef: {name: {{ .Values.existingSecret }}, key: secret-key}}
- name: DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ .Values.existingSecret }}, key: database-url}}
- name: CELERY_BROKER_URL
  valueFrom: {secretKeyRef: {name: {{ .Values.existingSecret }}, key: broker-url}}
{{- range $name, $value := .Values.env }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{- define "countersign.pod" -}}
automountServiceAccountToken: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
volumes:
  - {name: tmp, emptyDir: {}}
  - {name: shm, emptyDir: {medium: Memory, sizeLimit: 512Mi}}
  - {name: state, persistentVolumeClaim: {claimName: {{ include "countersign.claim" . }}}}
{{- end }}

{{- define "countersign.container" -}}
image: {{ include "countersign.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  - {name: shm, mountPath: /dev/shm}
  - {name: state, mountPath: /var/lib/countersign}
{{- end }}

{{- define "countersign.walls" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
seccompProfile: {type: {{ . }}}
{{- end }}
