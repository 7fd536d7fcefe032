{{- define "mogate.name" -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "mogate.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "mogate.labels" -}}
{{ include "mogate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "mogate.image" -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else -}}
{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end -}}
{{- end }}

{{- define "mogate.listeners" -}}
{{- $listeners := list (dict "name" "plain" "address" "[::]:8080" "serves" (list "omadm" "rcc14-http") "trusted_gateways" .Values.trustedGateways "trusted_proxies" .Values.trustedProxies) -}}
{{- $tls := dict "name" "tls" "address" "[::]:8443" "serves" (list "omadm" "rcc14-https") "trusted_proxies" .Values.trustedProxies -}}
{{- if .Values.tlsSecret -}}
{{- $tls = merge $tls (dict "certificate" "/run/tls/tls.crt" "key" "/run/tls/tls.key") -}}
{{- end -}}
{{- $admin := dict "name" "admin" "address" "[::]:8081" "serves" (list "admin") "trusted_proxies" .Values.trustedProxies "tls_outside" true -}}
{{ concat $listeners (list $tls $admin) | toJson }}
{{- end }}
