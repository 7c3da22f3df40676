{{- define "litebox-partner.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Short enough for the longest suffix: "-migrate-" and ten characters. */}}
{{- define "litebox-partner.fullname" -}}
{{- $name := include "litebox-partner.name" . -}}
{{- $long := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $long .Values.fullnameOverride | trunc 43 | trimSuffix "-" -}}
{{- end -}}

{{- define "litebox-partner.selector" -}}
app.kubernetes.io/name: {{ include "litebox-partner.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Labels that no release of the chart changes: what hangs on pods may not roll them by itself. */}}
{{- define "litebox-partner.podLabels" -}}
{{ include "litebox-partner.selector" .root }}
app.kubernetes.io/component: {{ .component }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels of an object: (dict "root" $ "component" "server"). */}}
{{- define "litebox-partner.labels" -}}
{{ include "litebox-partner.podLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "litebox-partner.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "litebox-partner.serviceAccount" -}}
{{- with .Values.serviceAccount -}}
{{- .name | default (ternary (include "litebox-partner.fullname" $) "default" .create) -}}
{{- end -}}
{{- end -}}

{{- define "litebox-partner.migrationsAccount" -}}
{{- with .Values.migrations.serviceAccount -}}
{{- .name | default (ternary (printf "%s-migrations" (include "litebox-partner.fullname" $)) "default" .create) -}}
{{- end -}}
{{- end -}}

{{- define "litebox-partner.testAccount" -}}
{{ include "litebox-partner.fullname" . }}-test
{{- end -}}

{{- define "litebox-partner.tlsSecret" -}}
{{- ternary (printf "%s-tls" (include "litebox-partner.fullname" .)) .Values.tls.existingSecret .Values.tls.certManager.enabled -}}
{{- end -}}

{{/* The claim with SQLite's file. */}}
{{- define "litebox-partner.claim" -}}
{{- .Values.database.sqlite.existingClaim | default (include "litebox-partner.fullname" .) -}}
{{- end -}}

{{/* Whether several servers run at once. */}}
{{- define "litebox-partner.several" -}}
{{- if ternary (gt (int .Values.autoscaling.maxReplicas) 1) (gt (int .Values.replicas) 1) .Values.autoscaling.enabled -}}yes{{- end -}}
{{- end -}}
