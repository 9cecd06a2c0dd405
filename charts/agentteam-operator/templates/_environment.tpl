{{/* The operator's settings: the names and their meaning are agentteam_operator.settings'. */}}
{{- define "agentteam-operator.environment" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: AGENT_IMAGE
  value: {{ include "agentteam-operator.image" (dict "image" .Values.agentImage "default" .Chart.AppVersion) | quote }}
- name: WATCH_NAMESPACES
  value: {{ join "," .Values.watchNamespaces | quote }}
- name: CLUSTER_DOMAIN
  value: {{ .Values.clusterDomain | quote }}
- name: LOG_LEVEL
  value: {{ .Values.logLevel | quote }}
- name: LOG_FORMAT
  value: {{ .Values.logFormat | quote }}
- name: LEADER_ELECTION
  value: {{ .Values.leaderElection.enabled | quote }}
- name: LEASE_NAME
  value: {{ include "agentteam-operator.fullname" . | quote }}
{{- with include "agentteam-operator.prometheusUrl" . }}
- name: PROMETHEUS_URL
  value: {{ . | quote }}
- name: PROMETHEUS_TIMEOUT_SECONDS
  value: {{ $.Values.prometheus.timeoutSeconds | quote }}
{{- end }}
{{- if .Values.prometheus.bearerTokenSecret.name }}
- name: PROMETHEUS_BEARER_TOKEN_FILE
  value: /var/run/secrets/prometheus/token
{{- end }}
{{- if .Values.prometheus.caConfigMap.name }}
- name: PROMETHEUS_CA_FILE
  value: /etc/prometheus-ca/ca.crt
{{- end }}
{{- with .Values.prometheus.tenant }}
- name: PROMETHEUS_TENANT
  value: {{ . | quote }}
{{- end }}
{{- if include "agentteam-operator.notifiersSecretName" . }}
- name: NOTIFIERS_FILE
  value: /var/run/secrets/notifiers/notifiers.yaml
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
