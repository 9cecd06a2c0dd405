{{- define "agentteam-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* At most 40 characters, so that "-prometheus" and the hash of a pod still fit into a DNS label. */}}
{{- define "agentteam-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "agentteam-operator.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "agentteam-operator.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Cluster-scoped names carry the namespace: two releases in two namespaces must not share a ClusterRole. */}}
{{- define "agentteam-operator.clusterName" -}}
{{- printf "%s:%s" .Release.Namespace (include "agentteam-operator.fullname" .) }}
{{- end }}

{{- define "agentteam-operator.prometheusName" -}}
{{- include "agentteam-operator.fullname" . }}-prometheus
{{- end }}

{{- define "agentteam-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "agentteam-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is required with serviceAccount.create=false: name the ServiceAccount that the operator runs as" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Selector labels of one component. Input: dict "root" $ "component" "operator". */}}
{{- define "agentteam-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "agentteam-operator.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* All labels of one component. Input as above. */}}
{{- define "agentteam-operator.labels" -}}
{{ include "agentteam-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: agentteam-operator
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* An image reference; a digest wins over a tag. Input: dict "image" .Values.image "default" .Chart.AppVersion. */}}
{{- define "agentteam-operator.image" -}}
{{- if .image.digest }}
{{- printf "%s@%s" .image.repository .image.digest }}
{{- else }}
{{- printf "%s:%s" .image.repository (default .default .image.tag) }}
{{- end }}
{{- end }}

{{- define "agentteam-operator.prometheusUrl" -}}
{{- if .Values.prometheus.install }}
{{- printf "http://%s.%s.svc.%s:9090" (include "agentteam-operator.prometheusName" .) .Release.Namespace .Values.clusterDomain }}
{{- else }}
{{- .Values.prometheus.url }}
{{- end }}
{{- end }}

{{/* The Secret with the file of notifiers; empty when there are none. */}}
{{- define "agentteam-operator.notifiersSecretName" -}}
{{- if .Values.notifiersSecret.name }}
{{- .Values.notifiersSecret.name }}
{{- else if .Values.notifiers }}
{{- include "agentteam-operator.fullname" . }}-notifiers
{{- end }}
{{- end }}

{{- define "agentteam-operator.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "agentteam-operator.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* What values.schema.json can't say in words that a person can act on. */}}
{{- define "agentteam-operator.validate" -}}
{{- if and .Values.prometheus.install .Values.prometheus.url }}
{{- fail (printf "prometheus.install=true and prometheus.url=%q exclude each other: unset one of them" .Values.prometheus.url) }}
{{- end }}
{{- if and (not .Values.prometheus.url) (or .Values.prometheus.bearerTokenSecret.name .Values.prometheus.caConfigMap.name .Values.prometheus.tenant) }}
{{- fail "prometheus.bearerTokenSecret, prometheus.caConfigMap and prometheus.tenant are for a Prometheus of your own: set prometheus.url too" }}
{{- end }}
{{- if and .Values.notifiers .Values.notifiersSecret.name }}
{{- fail (printf "notifiers and notifiersSecret.name=%q exclude each other: move the notifiers into that Secret, or unset its name" .Values.notifiersSecret.name) }}
{{- end }}
{{- range .Values.notifiers }}
{{- if and (eq .kind "Webhook") (not .secret) }}
{{- fail (printf "notifier %q is a Webhook and needs a secret to sign with: whsec_ and at least 16 random bytes in base64" .name) }}
{{- end }}
{{- if and (ne .kind "Webhook") .secret }}
{{- fail (printf "notifier %q is no Webhook: remove its secret, with which nothing would be signed" .name) }}
{{- end }}
{{- end }}
{{- if and (gt (int .Values.replicas) 1) (not .Values.leaderElection.enabled) }}
{{- fail (printf "replicas=%d needs leaderElection.enabled=true: only one replica may act at a time" (int .Values.replicas)) }}
{{- end }}
{{- end }}
