{{/* What does not go together, each with what to set. All of it at once. */}}
{{- define "litebox-partner.check" -}}
{{- $wrong := concat
  (include "litebox-partner.checkChoices" . | fromYamlArray)
  (include "litebox-partner.checkSecrets" . | fromYamlArray)
  (include "litebox-partner.checkOutside" . | fromYamlArray)
  (include "litebox-partner.checkBackup" . | fromYamlArray)
  (include "litebox-partner.checkWays" . | fromYamlArray)
  (include "litebox-partner.checkMetrics" . | fromYamlArray)
  (include "litebox-partner.checkNames" . | fromYamlArray) -}}
{{- if $wrong -}}
{{- fail (printf "\n\n%s\n" (join "\n" $wrong)) -}}
{{- end -}}
{{- end -}}

{{- define "litebox-partner.checkChoices" -}}
{{- if not (semverCompare ">=3.14.0-0" .Capabilities.HelmVersion.Version) }}
- "Helm: {{ .Capabilities.HelmVersion.Version }} is too old: use 3.14 or newer, or 4"
{{- end }}
{{- with .Values }}
{{- if not .image.repository }}
- "image.repository: say where the image is: --set image.repository=registry.example/litebox-partner"
{{- end }}
{{- if not .mode }}
- "mode: choose one: --set mode=test for sandboxes and dummy drives, --set mode=live for real taxpayers"
{{- end }}
{{- if not .database.kind }}
- "database.kind: choose one: --set database.kind=postgresql for any number of replicas, --set database.kind=sqlite for one"
{{- end }}
{{- if eq .database.kind "sqlite" }}
{{- if include "litebox-partner.several" $ }}
- "replicas: SQLite takes one server: set replicas=1 and autoscaling.enabled=false, or database.kind=postgresql"
{{- end }}
{{- if ne .migrations.mode "init" }}
- "migrations.mode: one pod at a time has the volume of SQLite: set migrations.mode=init"
{{- end }}
{{- if or .migrations.databaseUrl.existingSecret .migrations.databaseUrl.file }}
- "migrations.databaseUrl: SQLite has no accounts: leave it empty, or set database.kind=postgresql"
{{- end }}
{{- end }}
{{- if and (eq .migrations.mode "init") (or .migrations.serviceAccount.create .migrations.serviceAccount.name) }}
- "migrations.serviceAccount: an init container has the account of its pod: set migrations.mode=job or hook, or leave it empty"
{{- end }}
{{- if and .autoscaling.enabled (gt (int .autoscaling.minReplicas) (int .autoscaling.maxReplicas)) }}
- "autoscaling.maxReplicas: must be at least minReplicas"
{{- end }}
{{- if and .autoscaling.enabled (not (dig "requests" "cpu" "" .resources)) }}
- "resources.requests.cpu: the autoscaler counts in percent of it: set it, or autoscaling.enabled=false"
{{- end }}
{{- end }}
{{- end -}}

{{- define "litebox-partner.checkSecrets" -}}
{{- with .Values }}
{{- if and (eq .database.kind "postgresql") (not (or .secrets.databaseUrl.existingSecret .secrets.databaseUrl.file)) }}
- "secrets.databaseUrl.existingSecret: PostgreSQL needs a Secret whose key {{ .secrets.databaseUrl.key }} has its URL"
{{- end }}
{{- if not (or .secrets.pageKeys.existingSecret .secrets.pageKeys.file) }}
{{- if eq .mode "live" }}
- "secrets.pageKeys.existingSecret: live mode needs a Secret with at least 32 bytes in its key {{ .secrets.pageKeys.key }}: openssl rand -base64 32"
{{- else if and (eq .database.kind "postgresql") (include "litebox-partner.several" $) }}
- "secrets.pageKeys.existingSecret: several replicas must sign page tokens with the same key: name a Secret with one, or set replicas=1"
{{- end }}
{{- end }}
{{- if and (eq .mode "live") (not (or .secrets.documentsKeys.existingSecret .secrets.documentsKeys.file)) }}
- "secrets.documentsKeys.existingSecret: live mode needs a Secret with ID:KEY in its key {{ .secrets.documentsKeys.key }}; KEY is of openssl rand -base64 32"
{{- end }}
{{- range $name, $secret := .secrets }}
{{- if and $secret.existingSecret $secret.file }}
- "secrets.{{ $name }}: set either existingSecret or file"
{{- end }}
{{- end }}
{{- if and (dig "retention" "abandoned_days" 0 .config) (not (or .secrets.erasureKey.existingSecret .secrets.erasureKey.file)) }}
- "secrets.erasureKey.existingSecret: config.retention.abandoned_days erases, which needs the key of litebox-partner client erasure-key"
{{- end }}
{{- end }}
{{- end -}}

{{- define "litebox-partner.checkOutside" -}}
{{- with .Values }}
{{- if and (eq .mode "live") .sandbox.enabled }}
- "sandbox.enabled: nothing real may be registered at a sandbox: set sandbox.enabled=false, or mode=test"
{{- end }}
{{- if not .sandbox.enabled }}
{{- range list "accounts" "fns" "ofd" }}
{{- if not (dig "gateways" . "url" "" $.Values.config) }}
- "config.gateways.{{ . }}.url: set the address of your adapter{{ if eq $.Values.mode "test" }}, or sandbox.enabled=true{{ end }}"
{{- end }}
{{- end }}
{{- end }}
{{- if and .catalogue.files .catalogue.existingConfigMap }}
- "catalogue: set either files or existingConfigMap"
{{- end }}
{{- if gt (len (include "litebox-partner.read" $)) 250000 }}
- "catalogue.files: pods cannot carry so much, 256 KiB with all their annotations: make a ConfigMap of it and set catalogue.existingConfigMap"
{{- end }}
{{- if and (eq .mode "live") (not .catalogue.existingConfigMap) (not (hasKey .catalogue.files "regional_managers.toml")) }}
- "catalogue.files: live mode needs your regional_managers.toml: --set-file 'catalogue.files.regional_managers\\.toml=FILE'; the embedded one names nobody real"
{{- end }}
{{- if and .serviceTokens.enabled (not .serviceTokens.subjects) (not .tests.authenticated.enabled) }}
- "serviceTokens.subjects: say who may call, or set serviceTokens.enabled=false"
{{- end }}
{{- if and .tests.authenticated.enabled (not .serviceTokens.enabled) }}
- "tests.authenticated.enabled: the test shows a token of a service account: set serviceTokens.enabled=true"
{{- end }}
{{- if and .tests.authenticated.enabled (dig "server" "open_reflection" false .config) }}
- "tests.authenticated.enabled: it is seen that nobody is let in without a token: set config.server.open_reflection=false"
{{- end }}
{{- end }}
{{- end -}}

{{- define "litebox-partner.checkBackup" -}}
{{- with .Values.database.sqlite.backup }}
{{- if .enabled }}
{{- if ne $.Values.database.kind "sqlite" }}
- "database.sqlite.backup.enabled: PostgreSQL is backed up by its own means (docs/runbook.md): set it to false"
{{- else if not .image }}
- "database.sqlite.backup.image: the service's own image has no shell: name one with sh and sqlite3"
{{- else if not .existingClaim }}
- "database.sqlite.backup.existingClaim: name a claim for the copies"
{{- else if eq .existingClaim (include "litebox-partner.claim" $) }}
- "database.sqlite.backup.existingClaim: copies beside the database go with it: name a claim on another disk"
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "litebox-partner.checkWays" -}}
{{- with .Values.tls }}
{{- if and .enabled (not .existingSecret) (not .certManager.enabled) }}
- "tls.existingSecret: TLS needs a Secret of the type kubernetes.io/tls, or tls.certManager.enabled=true"
{{- end }}
{{- if and .existingSecret .certManager.enabled }}
- "tls: set either existingSecret or certManager.enabled"
{{- end }}
{{- if and .certManager.enabled (not .enabled) }}
- "tls.enabled: a certificate of cert-manager is used with TLS only: set tls.enabled=true"
{{- end }}
{{- if and .certManager.enabled (not .certManager.issuerRef.name) }}
- "tls.certManager.issuerRef.name: name the issuer of the certificate"
{{- end }}
{{- if and .clientCa.existingSecret (not .enabled) }}
- "tls.enabled: certificates of callers are shown with TLS only: set tls.enabled=true"
{{- end }}
{{- if and .clientCa.required (not .clientCa.existingSecret) }}
- "tls.clientCa.existingSecret: certificates cannot be required without their authorities"
{{- end }}
{{- if and .clientCa.required (not .clientCa.probeSecret) }}
- "tls.clientCa.probeSecret: probes must show a certificate too: name a Secret of the type kubernetes.io/tls"
{{- end }}
{{- end }}
{{- with .Values }}
{{- if and .service.loadBalancerSourceRanges (ne .service.type "LoadBalancer") }}
- "service.loadBalancerSourceRanges: only a LoadBalancer asks where callers come from: set service.type=LoadBalancer, or networkPolicy.ingressFrom"
{{- end }}
{{- if and .service.nodePort (eq .service.type "ClusterIP") }}
- "service.nodePort: a ClusterIP has no port of the nodes: set service.type=NodePort or LoadBalancer"
{{- end }}
{{- if and .ingress.enabled (not .ingress.hosts) }}
- "ingress.hosts: name at least one host"
{{- end }}
{{- if and .grpcRoute.enabled (not .grpcRoute.parentRefs) }}
- "grpcRoute.parentRefs: name the gateway"
{{- end }}
{{- if and .networkPolicy.enabled (not .networkPolicy.egress) (or (eq .database.kind "postgresql") (not .sandbox.enabled)) }}
- "networkPolicy.egress: name the database and the outer systems, which could not be reached otherwise"
{{- end }}
{{- end }}
{{- end -}}

{{- define "litebox-partner.checkMetrics" -}}
{{- with .Values.metrics }}
{{- if and .serviceMonitor.enabled .podMonitor.enabled }}
- "metrics: set either serviceMonitor or podMonitor: both would count everything twice"
{{- end }}
{{- if and (not .enabled) (or .serviceMonitor.enabled .podMonitor.enabled .prometheusRule.enabled) }}
- "metrics.enabled: monitors and alerts need metrics: set metrics.enabled=true"
{{- end }}
{{- if and .prometheusRule.enabled (not ($.Files.Get "files/alerts.yaml")) }}
- "metrics.prometheusRule.enabled: this copy of the chart lacks files/alerts.yaml"
{{- end }}
{{- end }}
{{- end -}}

{{/* Two values of one variable: the later would win, unnoticed. A secret would stand in the release. */}}
{{- define "litebox-partner.checkNames" -}}
{{- $own := list "LITEBOX_CONFIG" "LITEBOX_MODE" "LITEBOX_SERVER_LISTEN" "LITEBOX_METRICS_LISTEN" "LITEBOX_DATABASE_MIGRATE" "LITEBOX_SHUTDOWN_DELAY_MS" "LITEBOX_SHUTDOWN_DRAIN_MS" "LITEBOX_TLS_CERT" "LITEBOX_TLS_KEY" "LITEBOX_TLS_CLIENT_CA" "LITEBOX_TLS_CLIENT_REQUIRED" "LITEBOX_JWT_ISSUERS" "LITEBOX_CATALOGUE_DIR" "PGSSLMODE" -}}
{{- $secret := list "LITEBOX_DATABASE_URL" "LITEBOX_SERVER_PAGE_KEYS" "LITEBOX_DOCUMENTS_KEYS" "LITEBOX_ERASURE_KEY" "LITEBOX_GATEWAYS_TAXPAYERS_API_KEY" "LITEBOX_GATEWAYS_DEVICE_PASSWORD" -}}
{{- range $name, $_ := .Values.podAnnotations }}
{{- if regexMatch "^(litebox-partner|checksum)/" $name }}
- "podAnnotations: {{ $name }} is set by the chart from its own values"
{{- end }}
{{- end }}
{{- range .Values.extraEnv }}
{{- if has .name $secret }}
- "extraEnv: {{ .name }} is a secret: name it under secrets"
{{- else if has .name $own }}
- "extraEnv: {{ .name }} is set by the chart from its own values"
{{- end }}
{{- end }}
{{- end -}}
