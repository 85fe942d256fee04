{{/* Names of objects are fixed: there is one release per cluster, because the CRDs and the webhook configurations are. */}}

{{- define "rbgs.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: rbgs
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* The selector is immutable in a Deployment: this is the one it always had. */}}
{{- define "rbgs.selector" -}}
control-plane: rbgs-controller
{{- end }}

{{- define "rbgs.image" -}}
{{ .Values.controller.image.repository }}:{{ .Values.controller.image.tag | default .Chart.AppVersion }}
{{- with .Values.controller.image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- define "rbgs.imagePullSecrets" -}}
{{- with .Values.controller.imagePullSecrets | default (.Values.global).imagePullSecrets }}
imagePullSecrets:
{{- range . }}
{{- if kindIs "string" . }}
- name: {{ . }}
{{- else }}
- {{ toYaml . | nindent 2 | trim }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "rbgs.serviceAccount" -}}
rbgs-controller-sa
{{- end }}

{{/* "true" or "": StatefulSets, Deployments and LeaderWorkerSets as workloads. A missing key counts as true. */}}
{{- define "rbgs.deprecatedWorkloads" -}}
{{- if ne (toString (dig "deprecatedWorkloadTypes" "enabled" true (.Values.controller | default dict))) "false" }}true{{ end }}
{{- end }}

{{/* The annotation by which cert-manager's cainjector puts the CA into CRDs and webhook configurations. */}}
{{- define "rbgs.injectCA" -}}
cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/rbgs-serving-cert
{{- end }}

{{- define "rbgs.dnsNames" -}}
- rbgs-webhook-service.{{ .Release.Namespace }}.svc
- rbgs-webhook-service.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
- rbgs-metrics-service.{{ .Release.Namespace }}.svc
- rbgs-metrics-service.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end }}

{{/* What the Pod Security level "restricted" demands; a user's own keys win. */}}
{{- define "rbgs.podSecurityContext" -}}
{{- $restricted := dict "runAsNonRoot" true "runAsUser" 65532 "runAsGroup" 65532 "fsGroup" 65532 "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- toYaml (merge (deepCopy (.Values.controller.podSecurityContext | default dict)) $restricted) }}
{{- end }}

{{- define "rbgs.securityContext" -}}
{{- $restricted := dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" (dict "drop" (list "ALL")) -}}
{{- toYaml (merge (deepCopy (.Values.controller.securityContext | default dict)) $restricted) }}
{{- end }}
