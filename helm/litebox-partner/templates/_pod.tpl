{{/* What Pod Security `restricted` asks of a pod. Values choose ids only. */}}
{{- define "litebox-partner.podSecurity" -}}
runAsNonRoot: true
{{- range $key := list "runAsUser" "runAsGroup" "fsGroup" }}
{{- with get $.Values.podSecurity $key }}
{{ $key }}: {{ int64 . }}
{{- end }}
{{- end }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* And of a container. */}}
{{- define "litebox-partner.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* What all pods have in common: (dict "root" $ "account" NAME). */}}
{{- define "litebox-partner.podCommon" -}}
serviceAccountName: {{ .account }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext: {{- include "litebox-partner.podSecurity" .root | nindent 2 }}
{{- with .root.Values }}
{{- with .image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* How health is asked for: by the kubelet's gRPC, or by our own command over loopback. With TLS, which the kubelet's does not speak. And where
strangers may share the nodes' addresses: they can take all places of an address, and the kubelet would find none. */}}
{{- define "litebox-partner.probe" -}}
{{- with .root.Values.tls -}}
{{- if or .enabled $.root.Values.probes.exec (ne $.root.Values.service.type "ClusterIP") }}
exec:
  command:
    - litebox-partner
    - healthcheck
    - --service={{ $.service }}
    {{- if .clientCa.required }}
    - --cert=/etc/litebox-partner/probe/tls.crt
    - --key=/etc/litebox-partner/probe/tls.key
    {{- end }}
timeoutSeconds: 5
{{- else }}
grpc: {port: 50051, service: {{ $.service | quote }}}
timeoutSeconds: 3
{{- end }}
{{- end }}
{{- end -}}

{{/* Tells what is wrong with the configuration before anything is done with it. */}}
{{- define "litebox-partner.fit" -}}
- name: check
  image: {{ include "litebox-partner.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [litebox-partner, config, check]
  env: {{- include "litebox-partner.env" . | nindent 4 }}
  securityContext: {{- include "litebox-partner.containerSecurity" . | nindent 4 }}
  resources: {{- toYaml .Values.migrations.resources | nindent 4 }}
  volumeMounts: {{- include "litebox-partner.volumeMounts" . | nindent 4 }}
{{- end -}}

{{/* The program's one job on the database, for which it waits itself: it may be starting too. It needs neither the configuration nor the other secrets. */}}
{{- define "litebox-partner.migrate" -}}
- name: migrate
  image: {{ include "litebox-partner.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [litebox-partner, migrate{{ if eq .Values.database.kind "postgresql" }}, --wait=30{{ end }}]
  env:
    {{- if eq .Values.database.kind "sqlite" }}
    - name: LITEBOX_DATABASE_URL
      value: sqlite:/var/lib/litebox-partner/litebox-partner.db
    {{- else }}
    {{- $own := .Values.migrations.databaseUrl }}
    {{- $from := ternary $own .Values.secrets.databaseUrl (ne (or $own.existingSecret $own.file) "") }}
    {{- include "litebox-partner.secret" (dict "name" "LITEBOX_DATABASE_URL" "from" $from) | nindent 4 }}
    {{- include "litebox-partner.sslMode" . | nindent 4 }}
    {{- end }}
    - name: LITEBOX_DATABASE_MIGRATION_STATEMENT_TIMEOUT_MS
      value: {{ int64 .Values.migrations.statementTimeoutMs | quote }}
  securityContext: {{- include "litebox-partner.containerSecurity" . | nindent 4 }}
  resources: {{- toYaml .Values.migrations.resources | nindent 4 }}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
    {{- if eq .Values.database.kind "sqlite" }}
    - {name: data, mountPath: /var/lib/litebox-partner}
    {{- end }}
    {{- with .Values.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* Volumes of the server, and where they are mounted. */}}
{{- define "litebox-partner.volumes" -}}
- {name: tmp, emptyDir: {}}
- name: config
  downwardAPI:
    items:
      - {{ include "litebox-partner.file" "config.toml" }}
{{- if .Values.catalogue.existingConfigMap }}
- name: catalogue
  configMap: {name: {{ .Values.catalogue.existingConfigMap | quote }}}
{{- else if .Values.catalogue.files }}
- name: catalogue
  downwardAPI:
    items:
      {{- range $name, $_ := .Values.catalogue.files }}
      - {{ include "litebox-partner.file" $name }}
      {{- end }}
{{- end }}
{{- if eq .Values.database.kind "sqlite" }}
- name: data
  persistentVolumeClaim: {claimName: {{ include "litebox-partner.claim" . | quote }}}
{{- end }}
{{- if .Values.tls.enabled }}
- name: tls
  secret: {secretName: {{ include "litebox-partner.tlsSecret" . | quote }}, defaultMode: 0440}
{{- with .Values.tls.clientCa }}
{{- if .existingSecret }}
- name: client-ca
  secret: {secretName: {{ .existingSecret | quote }}, items: [{key: {{ .key | quote }}, path: ca.crt}]}
{{- end }}
{{- if .required }}
- name: probe
  secret: {secretName: {{ .probeSecret | quote }}, defaultMode: 0440}
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.serviceTokens.enabled }}
- name: cluster
  projected:
    sources:
      - serviceAccountToken: {path: token, expirationSeconds: 3600}
      - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* No file is mounted by subPath: what changes in a Secret would not come through. No folder in another: a volume of files takes none. */}}
{{- define "litebox-partner.volumeMounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: config, mountPath: /etc/litebox-partner/config, readOnly: true}
{{- if or .Values.catalogue.files .Values.catalogue.existingConfigMap }}
- {name: catalogue, mountPath: /etc/litebox-partner/catalogue, readOnly: true}
{{- end }}
{{- if eq .Values.database.kind "sqlite" }}
- {name: data, mountPath: /var/lib/litebox-partner}
{{- end }}
{{- if .Values.tls.enabled }}
- {name: tls, mountPath: /etc/litebox-partner/tls, readOnly: true}
{{- if .Values.tls.clientCa.existingSecret }}
- {name: client-ca, mountPath: /etc/litebox-partner/client-ca, readOnly: true}
{{- end }}
{{- if .Values.tls.clientCa.required }}
- {name: probe, mountPath: /etc/litebox-partner/probe, readOnly: true}
{{- end }}
{{- end }}
{{- if .Values.serviceTokens.enabled }}
- {name: cluster, mountPath: /var/run/secrets/litebox-partner/cluster, readOnly: true}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}
