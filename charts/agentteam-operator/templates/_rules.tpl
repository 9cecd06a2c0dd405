{{/*
What the operator may do to teams and their children, in the namespaces that it watches. Exactly what its code does: no verb
on Secrets, pods/exec, RBAC or webhooks, and no write to an AgentTeam but its status.
*/}}
{{- define "agentteam-operator.teamRules" -}}
- apiGroups: [agentteam.dev]
  resources: [agentteams]
  verbs: [get, list, watch]
- apiGroups: [agentteam.dev]
  resources: [agentteams/status]
  verbs: [patch]
# Made once for each revision, then only scaled and deleted: a pod template is never written again.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, delete]
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [patch]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
# Changed in place.
- apiGroups: [""]
  resources: [services, serviceaccounts]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors]
  verbs: [get, list, watch, create, patch, delete]
# Read to judge.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
# Told once at each transition; read for the reason of a stuck pod.
- apiGroups: [""]
  resources: [events]
  verbs: [create, list]
{{- end }}
