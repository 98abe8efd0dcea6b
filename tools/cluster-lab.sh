#!/usr/bin/env bash
# A control plane of Kubernetes on loopback: etcd, kube-apiserver, controller-manager, scheduler, and kwok in place of nodes.
# Everything that decides is real; pods run nothing.
#
#     tools/cluster-lab.sh up FOLDER [NODES]     prints the kubeconfig when the nodes are ready
#     tools/cluster-lab.sh down FOLDER
#
# The programs come from tools/cluster-tools.sh; PORT (16443) and the five after it are taken.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$here/../.tools/cluster/bin
act=${1:?up or down} nodes=${3:-3}
mkdir -p "${2:?a folder}"
lab=$(cd "$2" && pwd)
port=${PORT:-16443}
# The etcd of Debian cannot tell how far a watch has come, without which lists cannot be had as watches.
export KUBE_FEATURE_WatchListClient=false
programs=(kwok kube-scheduler kube-controller-manager kube-apiserver etcd)

down() {
  # At once: an apiserver whose etcd is gone would take minutes to end.
  for program in "${programs[@]}"; do
    if [ -f "$lab/$program.pid" ]; then kill -KILL "$(cat "$lab/$program.pid")" 2> /dev/null || true; fi
    rm -f "$lab/$program.pid"
  done
}

start() {
  local program=$1
  shift
  nohup "$bin/$program" "$@" > "$lab/$program.log" 2>&1 < /dev/null &
  echo $! > "$lab/$program.pid"
}

# The last lines of a program that should run and does not.
alive() {
  kill -0 "$(cat "$lab/$1.pid")" 2> /dev/null && return
  echo "cluster-lab: $1 has ended: $(tail -3 "$lab/$1.log")" >&2
  exit 1
}

node() {
  cat << END
---
apiVersion: v1
kind: Node
metadata:
  name: node-$1
  annotations: {kwok.x-k8s.io/node: fake}
  labels: {kubernetes.io/hostname: node-$1, kubernetes.io/os: linux, topology.kubernetes.io/zone: zone-$1}
status:
  allocatable: {cpu: "16", memory: 64Gi, pods: "110"}
  capacity: {cpu: "16", memory: 64Gi, pods: "110"}
END
}

up() {
  mkdir -p "$lab/etcd" "$lab/certs"
  cd "$lab"
  openssl genrsa -out sa.key 2048 2> /dev/null
  openssl rsa -in sa.key -pubout -out sa.pub 2> /dev/null
  echo 'lab-token,admin,admin,"system:masters"' > tokens.csv
  cat > kubeconfig << END
apiVersion: v1
kind: Config
clusters: [{name: lab, cluster: {server: "https://127.0.0.1:$port", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: lab-token}}]
contexts: [{name: lab, context: {cluster: lab, user: admin}}]
current-context: lab
END
  local client=http://127.0.0.1:$((port + 1)) peer=http://127.0.0.1:$((port + 2))
  start etcd --data-dir etcd --listen-client-urls "$client" --advertise-client-urls "$client" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer" \
    --log-level warn --unsafe-no-fsync
  start kube-apiserver --etcd-servers="$client" --secure-port="$port" --bind-address=127.0.0.1 \
    --advertise-address=127.0.0.1 --cert-dir=certs --service-account-issuer=https://lab.local \
    --service-account-key-file=sa.pub --service-account-signing-key-file=sa.key --token-auth-file=tokens.csv \
    --authorization-mode=RBAC --service-cluster-ip-range=10.96.0.0/16 --enable-admission-plugins=PodSecurity \
    --endpoint-reconciler-type=none --feature-gates=WatchList=false
  for _ in $(seq 1 480); do
    "$bin/kubectl" --kubeconfig kubeconfig get --raw /readyz > /dev/null 2>&1 && break
    alive etcd
    alive kube-apiserver
    sleep 0.25
  done
  # Nodes have no heartbeat: on a busy machine kwok would fall behind with it, and let go of its pods.
  start kube-controller-manager --kubeconfig=kubeconfig --service-account-private-key-file=sa.key \
    --use-service-account-credentials=false --leader-elect=false --bind-address=127.0.0.1 \
    --secure-port=$((port + 3)) --cert-dir=certs/controllers --horizontal-pod-autoscaler-sync-period=2s --node-monitor-grace-period=24h
  start kube-scheduler --kubeconfig=kubeconfig --leader-elect=false --bind-address=127.0.0.1 \
    --secure-port=$((port + 4)) --cert-dir=certs/scheduler
  start kwok --kubeconfig=kubeconfig --manage-all-nodes=true --node-lease-duration-seconds=0 \
    --config="$here/cluster-stages.yaml" --server-address="127.0.0.1:$((port + 5))"
  for n in $(seq 1 "$nodes"); do node "$n"; done | "$bin/kubectl" --kubeconfig kubeconfig apply -f - > /dev/null
  "$bin/kubectl" --kubeconfig kubeconfig wait --for=condition=Ready node --all --timeout=120s > /dev/null
  for program in "${programs[@]}"; do alive "$program"; done
  echo "$lab/kubeconfig"
}

case $act in
  up) trap '[ $? = 0 ] || down' EXIT; up ;;
  down) down ;;
  *) echo "usage: $0 up|down FOLDER [NODES]" >&2; exit 2 ;;
esac
