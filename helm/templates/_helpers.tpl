{{- /* Names and labels */ -}}

{{- define "snowshed.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "snowshed.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "snowshed.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "snowshed.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* Of a part such as "gateway"; takes (list . "gateway"). */ -}}
{{- define "snowshed.partName" -}}
{{- printf "%s-%s" (include "snowshed.fullname" (first .)) (last .) -}}
{{- end -}}

{{- define "snowshed.selectorLabels" -}}
{{- $root := first . -}}
app.kubernetes.io/name: {{ include "snowshed.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ last . }}
{{- end -}}

{{- define "snowshed.labels" -}}
{{- $root := first . -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/part-of: snowshed
{{ include "snowshed.selectorLabels" . }}
{{- range $name, $value := $root.Values.commonLabels }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end -}}

{{- /* The metadata of an object without its braces; takes (list . component name [annotations [labels]]). */ -}}
{{- define "snowshed.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 2 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "snowshed.labels" (list $root (index . 1)) | nindent 2 }}
  {{- if gt (len .) 4 }}
  {{- with index . 4 }}
  {{- include "snowshed.strings" . | trim | nindent 2 }}
  {{- end }}
  {{- end }}
{{- $own := dict -}}
{{- if gt (len .) 3 }}{{ $own = index . 3 | default dict }}{{ end -}}
{{- with merge (dict) $own $root.Values.commonAnnotations }}
annotations:
  {{- include "snowshed.strings" . | trim | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* A map whose values are written as texts, whatever they were: annotations, labels, data. */ -}}
{{- define "snowshed.strings" -}}
{{- range $name, $value := . }}
{{ $name | quote }}: {{ include "snowshed.text" $value | quote }}
{{- end }}
{{- end -}}

{{- /* A value as a text. Numbers of a values file are floating point, and 1073741824 is not 1.073741824e+09. */ -}}
{{- define "snowshed.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) -}}
{{- . | int64 -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end -}}

{{- /* What the process is told */ -}}

{{- /* The value of a variable: as given, or else its default; takes (list . part name). */ -}}
{{- define "snowshed.variable" -}}
{{- $root := index . 0 -}}
{{- $name := index . 2 -}}
{{- $defaults := $root.Files.Get "config-defaults.json" | fromJson -}}
{{- $shared := $root.Values.config -}}
{{- $own := (index $root.Values (index . 1)).config -}}
{{- if hasKey $own $name -}}
{{- include "snowshed.text" (index $own $name) -}}
{{- else if hasKey $shared $name -}}
{{- include "snowshed.text" (index $shared $name) -}}
{{- else if and (eq $name "LOG_REPLICAS") $root.Values.nats.bundled.enabled -}}
3
{{- else -}}
{{- include "snowshed.text" (get $defaults $name) -}}
{{- end -}}
{{- end -}}

{{- define "snowshed.natsUrl" -}}
{{- if .Values.nats.bundled.enabled -}}
{{- printf "%s://%s:4222" (ternary "tls" "nats" (ne .Values.nats.bundled.tls.secret "")) (include "snowshed.partName" (list . "nats")) -}}
{{- else -}}
{{- .Values.nats.url -}}
{{- end -}}
{{- end -}}

{{- /* Secret or ConfigMap with the authorities of NATS, as JSON {secret, configMap, key}. */ -}}
{{- define "snowshed.natsCa" -}}
{{- if and .Values.nats.bundled.enabled .Values.nats.bundled.tls.secret -}}
{{- dict "secret" .Values.nats.bundled.tls.secret "configMap" "" "key" "ca.crt" | toJson -}}
{{- else -}}
{{- .Values.nats.tls.ca | toJson -}}
{{- end -}}
{{- end -}}

{{- /* Variables of the bus, which gateways and routers have alike. */ -}}
{{- define "snowshed.busEnv" -}}
- name: NATS_URL
  value: {{ include "snowshed.natsUrl" . | quote }}
{{- if .Values.nats.credentials.secret }}
- name: NATS_CREDS_FILE
  value: /etc/snowshed/nats-credentials/{{ .Values.nats.credentials.key }}
{{- end }}
{{- $ca := include "snowshed.natsCa" . | fromJson }}
{{- if or $ca.secret $ca.configMap }}
- name: NATS_TLS_CA_FILE
  value: /etc/snowshed/nats-ca/{{ $ca.key }}
{{- end }}
{{- if and .Values.nats.bundled.enabled (not (hasKey .Values.config "LOG_REPLICAS")) }}
- name: LOG_REPLICAS
  value: "3"
{{- end }}
{{- end -}}

{{- /* The given variables of a part, those of its own before the shared ones. */ -}}
{{- define "snowshed.configEnv" -}}
{{- $root := first . -}}
{{- $given := merge (dict) (index $root.Values (last .)).config $root.Values.config -}}
{{- range $name, $value := $given }}
- name: {{ $name }}
  value: {{ include "snowshed.text" $value | quote }}
{{- end }}
{{- end -}}

{{- define "snowshed.secretEnv" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .name }}
      {{- if .optional }}
      optional: true
      {{- end }}
{{- end -}}

{{- define "snowshed.busMounts" -}}
{{- if .Values.nats.credentials.secret }}
- name: nats-credentials
  mountPath: /etc/snowshed/nats-credentials
  readOnly: true
{{- end }}
{{- $ca := include "snowshed.natsCa" . | fromJson }}
{{- if or $ca.secret $ca.configMap }}
- name: nats-ca
  mountPath: /etc/snowshed/nats-ca
  readOnly: true
{{- end }}
{{- end -}}

{{- define "snowshed.busVolumes" -}}
{{- if .Values.nats.credentials.secret }}
{{ include "snowshed.fileVolume" (dict "name" "nats-credentials" "from" .Values.nats.credentials) }}
{{- end }}
{{- $ca := include "snowshed.natsCa" . | fromJson }}
{{- if or $ca.secret $ca.configMap }}
{{ include "snowshed.fileVolume" (dict "name" "nats-ca" "from" $ca) }}
{{- end }}
{{- end -}}

{{- /* A volume with one file of a Secret or ConfigMap; takes {name, from: {secret, configMap, key}}. */ -}}
{{- define "snowshed.fileVolume" -}}
- name: {{ .name }}
  {{- if .from.secret }}
  secret:
    secretName: {{ .from.secret }}
    defaultMode: 0440
  {{- else }}
  configMap:
    name: {{ .from.configMap }}
  {{- end }}
    items:
      - key: {{ .from.key }}
        path: {{ .from.key }}
{{- end -}}

{{- /* Pods */ -}}

{{- define "snowshed.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "snowshed.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "snowshed.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  privileged: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{- /* What pods of gateways and routers have alike; takes (list . part). */ -}}
{{- define "snowshed.podBasics" -}}
{{- $root := first . -}}
{{- $values := index $root.Values (last .) -}}
serviceAccountName: {{ include "snowshed.serviceAccountName" $root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{ include "snowshed.podSecurity" $root }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  {{- /* Of one revision each: pods that are about to go do not count. */}}
  {{- range $key, $policy := dict "topology.kubernetes.io/zone" $values.spread.zones "kubernetes.io/hostname" $values.spread.hosts }}
  - topologyKey: {{ $key }}
    maxSkew: 1
    whenUnsatisfiable: {{ $policy }}
    labelSelector:
      matchLabels:
        {{- include "snowshed.selectorLabels" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end -}}

{{- define "snowshed.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "snowshed.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "snowshed.probes" -}}
{{- /* Alive is the event loop alone, never the bus: a restart would mend no bus and lose every connection. */ -}}
startupProbe:
  httpGet: {path: /healthz, port: operations}
  periodSeconds: 1
  timeoutSeconds: 5
  failureThreshold: 60
readinessProbe:
  httpGet: {path: /readyz, port: operations}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 3
livenessProbe:
  httpGet: {path: /healthz, port: operations}
  periodSeconds: 10
  timeoutSeconds: 10
  failureThreshold: 6
{{- end -}}

{{- /* The metadata of a pod template; takes (list . part). */ -}}
{{- define "snowshed.podMetadata" -}}
{{- $root := first . -}}
{{- $values := index $root.Values (last .) -}}
labels:
  {{- /* Not the version of the chart: pods are not replaced for it alone. */}}
  {{- include "snowshed.selectorLabels" . | nindent 2 }}
  {{- with merge (dict) $values.podLabels $root.Values.commonLabels }}
  {{- include "snowshed.strings" . | trim | nindent 2 }}
  {{- end }}
{{- $annotations := merge (dict) $values.podAnnotations $root.Values.commonAnnotations }}
{{- with $root.Values.secret.revision }}
{{- $annotations = set $annotations "snowshed/secret-revision" . }}
{{- end }}
{{- with $annotations }}
annotations:
  {{- include "snowshed.strings" . | trim | nindent 2 }}
{{- end }}
{{- end -}}

{{- /*
What is in the patch laid over what is rendered, as YAML; takes (list base patch). Maps go into each other, a list whose
items have names takes items of the same name into each other and the others at its end, and anything else replaces; null takes away.
*/ -}}
{{- define "snowshed.patched" -}}
{{- (include "snowshed.patchedJson" (list (first .) (last .)) | fromJson).it | toYaml -}}
{{- end -}}

{{- define "snowshed.patchedJson" -}}
{{- $base := first . -}}
{{- $patch := last . -}}
{{- $out := $patch -}}
{{- if and (kindIs "map" $base) (kindIs "map" $patch) -}}
  {{- $out = deepCopy $base -}}
  {{- range $key, $value := $patch -}}
    {{- if kindIs "invalid" $value -}}
      {{- $out = unset $out $key -}}
    {{- else if hasKey $base $key -}}
      {{- $_ := set $out $key (include "snowshed.patchedJson" (list (get $base $key) $value) | fromJson).it -}}
    {{- else -}}
      {{- $_ := set $out $key $value -}}
    {{- end -}}
  {{- end -}}
{{- else if and (kindIs "slice" $base) (kindIs "slice" $patch) -}}
  {{- if include "snowshed.allNamed" (concat $base $patch) -}}
    {{- $names := list -}}
    {{- $out = list -}}
    {{- range $item := $base -}}
      {{- $names = append $names $item.name -}}
      {{- range $other := $patch -}}
        {{- if eq $other.name $item.name -}}
          {{- $item = (include "snowshed.patchedJson" (list $item $other) | fromJson).it -}}
        {{- end -}}
      {{- end -}}
      {{- $out = append $out $item -}}
    {{- end -}}
    {{- range $other := $patch -}}
      {{- if not (has $other.name $names) -}}
        {{- $out = append $out $other -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- dict "it" $out | toJson -}}
{{- end -}}

{{- define "snowshed.allNamed" -}}
{{- $all := true -}}
{{- range . -}}
  {{- if not (kindIs "map" .) -}}{{- $all = false -}}
  {{- else if not (hasKey . "name") -}}{{- $all = false -}}{{- end -}}
{{- end -}}
{{- if $all -}}yes{{- end -}}
{{- end -}}

{{- define "snowshed.budget" -}}
{{- $root := first . -}}
{{- $part := last . -}}
{{- $values := index $root.Values $part -}}
{{- if $values.podDisruptionBudget.enabled }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "snowshed.metadata" (list $root $part (include "snowshed.partName" .)) | nindent 2 }}
spec:
  {{- if not (kindIs "invalid" $values.podDisruptionBudget.minAvailable) }}
  minAvailable: {{ include "snowshed.text" $values.podDisruptionBudget.minAvailable }}
  {{- else }}
  maxUnavailable: {{ include "snowshed.text" (default 1 $values.podDisruptionBudget.maxUnavailable) }}
  {{- end }}
  {{- /* A pod that is not ready holds nobody: it never blocks the draining of a node. */}}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "snowshed.selectorLabels" . | nindent 6 }}
{{- end }}
{{- end -}}

{{- /* Times, in seconds */ -}}

{{- define "snowshed.gatewayGrace" -}}
{{- with .Values.gateway -}}
{{- $needed := add .preStopSeconds .drainSeconds .marginSeconds -}}
{{- default $needed .terminationGracePeriodSeconds | int64 -}}
{{- end -}}
{{- end -}}

{{- define "snowshed.gatewayMinReady" -}}
{{- with .Values.gateway -}}
{{- default (add .preStopSeconds .drainSeconds) .minReadySeconds | int64 -}}
{{- end -}}
{{- end -}}

{{- define "snowshed.gatewayScaled" -}}
{{- if or .Values.gateway.autoscaling.hpa.enabled .Values.gateway.autoscaling.keda.enabled -}}yes{{- end -}}
{{- end -}}
