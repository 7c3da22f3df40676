{{/* A value as TOML in one line. Numbers come from YAML as floats; texts of JSON are texts of TOML. */}}
{{- define "litebox-partner.toml" -}}
{{- if kindIs "map" . -}}
{ {{- range $i, $key := keys . | sortAlpha }}{{ if $i }},{{ end }} {{ $key }} = {{ include "litebox-partner.toml" (get $ $key) }}{{ end -}} }
{{- else if kindIs "slice" . -}}
[{{- range $i, $one := . }}{{ if $i }}, {{ end }}{{ include "litebox-partner.toml" $one }}{{ end -}}]
{{- else if kindIs "string" . -}}
{{ toRawJson . }}
{{- else if kindIs "float64" . -}}
{{ if eq (float64 (int64 .)) . }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- else -}}
{{ . }}
{{- end -}}
{{- end -}}

{{/* What the chart itself decides, as YAML. */}}
{{- define "litebox-partner.decided" -}}
mode: {{ .Values.mode | quote }}
server: {listen: {{ printf "%s:50051" .Values.bindAddress | quote }}}
metrics: {listen: {{ ternary (printf "%s:%d" .Values.bindAddress (int .Values.metrics.port)) "" .Values.metrics.enabled | quote }}}
{{- if eq .Values.database.kind "sqlite" }}
database: {url: "sqlite:/var/lib/litebox-partner/litebox-partner.db", migrate: false}
{{- else }}
database: {migrate: false}
{{- end }}
{{- if or .Values.catalogue.files .Values.catalogue.existingConfigMap }}
catalogue: {dir: /etc/litebox-partner/catalogue}
{{- end }}
{{- with .Values.tls }}
{{- if .enabled }}
tls:
  cert: /etc/litebox-partner/tls/tls.crt
  key: /etc/litebox-partner/tls/tls.key
  {{- if .clientCa.existingSecret }}
  client_ca: /etc/litebox-partner/client-ca/ca.crt
  client_required: {{ .clientCa.required }}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The sandbox's addresses, which the configuration may still replace. */}}
{{- define "litebox-partner.suggested" -}}
{{- if .Values.sandbox.enabled }}
{{- $at := printf "http://%s-sandbox" (include "litebox-partner.fullname" .) }}
gateways:
  taxpayers: {base_url: "{{ $at }}:16732"}
  accounts: {url: "{{ $at }}:16733"}
  fns: {url: "{{ $at }}:16733"}
  ofd: {url: "{{ $at }}:16733"}
{{- end }}
{{- end -}}

{{/* The cluster's own issuer, as YAML. */}}
{{- define "litebox-partner.issuer" -}}
{{- with .Values.serviceTokens -}}
issuer: {{ .issuer | quote }}
audiences: [{{ .audience | quote }}]
jwks_url: {{ .jwksUrl | quote }}
jwks_ca_file: /var/run/secrets/litebox-partner/cluster/ca.crt
jwks_token_file: /var/run/secrets/litebox-partner/cluster/token
subjects:
  {{- range .subjects }}
  - subject: system:serviceaccount:{{ .namespace }}:{{ .serviceAccount }}
    scopes: {{ toJson .scopes }}
    partners: {{ toJson (.partners | default list) }}
  {{- end }}
  {{- if $.Values.tests.authenticated.enabled }}
  - subject: system:serviceaccount:{{ $.Release.Namespace }}:{{ include "litebox-partner.testAccount" $ }}
    scopes: [KKT_READ]
  {{- end }}
{{- end -}}
{{- end -}}

{{/* The configuration file. What the chart decides stands over what is suggested and configured. */}}
{{- define "litebox-partner.config" -}}
{{- $config := mustMergeOverwrite (include "litebox-partner.suggested" . | fromYaml) (deepCopy .Values.config) (include "litebox-partner.decided" . | fromYaml) -}}
{{- if .Values.serviceTokens.enabled -}}
{{- $jwt := get $config "jwt" | default dict -}}
{{- $issuers := append (get $jwt "issuers" | default list) (include "litebox-partner.issuer" . | fromYaml) -}}
{{- $_ := set $config "jwt" (merge (dict "issuers" $issuers) $jwt) -}}
{{- end -}}
mode = {{ include "litebox-partner.toml" $config.mode }}
{{- range $name, $section := omit $config "mode" }}

[{{ $name }}]
{{- range $key, $value := $section }}
{{ $key }} = {{ include "litebox-partner.toml" $value }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What the server reads from files, as annotations of its pods: a pod of an older revision finds what it was made with, whatever came after (ADR 0022). */}}
{{- define "litebox-partner.read" -}}
{{- $read := dict "litebox-partner/config.toml" (include "litebox-partner.config" .) -}}
{{- range $name, $text := .Values.catalogue.files -}}
{{- $_ := set $read (print "litebox-partner/" $name) $text -}}
{{- end -}}
{{- toYaml $read -}}
{{- end -}}

{{/* Such an annotation as a file of a volume. */}}
{{- define "litebox-partner.file" -}}
{path: {{ . }}, fieldRef: {fieldPath: "metadata.annotations['litebox-partner/{{ . }}']"}}
{{- end -}}

{{/* An environment variable from a Secret, or one that names a file: (dict "name" … "from" .Values.secrets.… ). */}}
{{- define "litebox-partner.secret" -}}
{{- if .from.existingSecret }}
- name: {{ .name }}
  valueFrom: {secretKeyRef: {name: {{ .from.existingSecret | quote }}, key: {{ .from.key | quote }}}}
{{- else if .from.file }}
- name: {{ .name }}_FILE
  value: {{ .from.file | quote }}
{{- end }}
{{- end -}}

{{/* How PostgreSQL is spoken to where the URL, which the chart does not see, says nothing of it. */}}
{{- define "litebox-partner.sslMode" -}}
{{- with .Values.database.postgresql.sslMode | default (ternary "require" "" (eq .Values.mode "live")) }}
- name: PGSSLMODE
  value: {{ . }}
{{- end }}
{{- end -}}

{{/* Environment of the server, and of the operator's commands in its pods. */}}
{{- define "litebox-partner.env" -}}
- name: LITEBOX_CONFIG
  value: /etc/litebox-partner/config/config.toml
{{- with .Values.secrets }}
{{- if eq $.Values.database.kind "postgresql" }}
{{- include "litebox-partner.secret" (dict "name" "LITEBOX_DATABASE_URL" "from" .databaseUrl) }}
{{- include "litebox-partner.sslMode" $ }}
{{- end }}
{{- include "litebox-partner.secret" (dict "name" "LITEBOX_SERVER_PAGE_KEYS" "from" .pageKeys) }}
{{- include "litebox-partner.secret" (dict "name" "LITEBOX_DOCUMENTS_KEYS" "from" .documentsKeys) }}
{{- include "litebox-partner.secret" (dict "name" "LITEBOX_ERASURE_KEY" "from" .erasureKey) }}
{{- if or .taxpayersApiKey.existingSecret .taxpayersApiKey.file }}
{{- include "litebox-partner.secret" (dict "name" "LITEBOX_GATEWAYS_TAXPAYERS_API_KEY" "from" .taxpayersApiKey) }}
{{- else if $.Values.sandbox.enabled }}
{{- /* The sandbox's DaData takes any key, but none is refused there as well. */}}
- name: LITEBOX_GATEWAYS_TAXPAYERS_API_KEY
  value: sandbox
{{- end }}
{{- include "litebox-partner.secret" (dict "name" "LITEBOX_GATEWAYS_DEVICE_PASSWORD" "from" .devicePassword) }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Seconds from SIGTERM to the kill. */}}
{{- define "litebox-partner.grace" -}}
{{- $ms := add (int64 .Values.config.shutdown.delay_ms) (int64 .Values.config.shutdown.drain_ms) 999 -}}
{{- add (div $ms 1000) (int64 .Values.terminationMarginSeconds) -}}
{{- end -}}
