{{- define "raven.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "raven.selector" -}}
app.kubernetes.io/name: raven
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "raven.labels" -}}
{{ include "raven.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "raven.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "raven.name" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "raven.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- /* The file that holds a secret. */ -}}
{{- define "raven.secretFile" -}}
{{- . | replace "." "-" | replace "_" "-" -}}
{{- end -}}

{{- /* The configuration with what the chart itself decides, and refusals of what can't work. */ -}}
{{- define "raven.config" -}}
{{- $embedded := eq "embedded" (dig "store" "backend" "embedded" .Values.config) -}}
{{- if and $embedded (or (gt (int .Values.replicas) 1) .Values.autoscaling.enabled) -}}
{{- fail "the embedded store has one node: set replicas to 1 and leave autoscaling off, or set config.store.backend to redis" -}}
{{- end -}}
{{- if and $embedded (not .Values.persistence.enabled) -}}
{{- fail "the embedded store needs persistence.enabled: without a volume its data goes with the pod" -}}
{{- end -}}
{{- if and (not $embedded) (not (index .Values.secrets "store.redis.url")) -}}
{{- fail "config.store.backend redis needs secrets.\"store.redis.url\"" -}}
{{- end -}}
{{- $own := dict "data_dir" "/var/lib/raven" "http" (dict "addr" "0.0.0.0:3000") "admin" (dict "addr" (ternary "0.0.0.0:9090" "127.0.0.1:9090" .Values.metrics.enabled)) -}}
{{- if .Values.tlsSecret -}}
{{- $_ := set $own.http "tls" (dict "cert" "/etc/raven/tls/tls.crt" "key" "/etc/raven/tls/tls.key") -}}
{{- end -}}
{{- mergeOverwrite (deepCopy .Values.config) $own | toYaml -}}
{{- end -}}
