#!/bin/sh
# deploy.sh REGISTRY VERSION: production with these images; goes back to what ran before when the new pods do not become ready.
set -eu
registry=$1 version=$2
here=$(cd "$(dirname "$0")" && pwd)
overlay=$(mktemp -d "$here/deploying.XXXXXX")
trap 'rm -r "$overlay"' EXIT
cat >"$overlay/kustomization.yaml" <<EOF
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../production]
images:
  - {name: registry.example.com/stock-prediction, newName: $registry/stock-prediction, newTag: "$version"}
  - {name: registry.example.com/stock-prediction-training, newName: $registry/stock-prediction-training, newTag: "$version"}
  - {name: registry.example.com/stock-prediction-mlflow, newName: $registry/stock-prediction-mlflow, newTag: "$version"}
EOF
kubectl kustomize "$overlay" >"$overlay/manifests.yaml"
if [ "${ONLY_PRINT:-}" ]; then
    cat "$overlay/manifests.yaml"
    exit
fi
kubectl apply --filename "$overlay/manifests.yaml"
kubectl --namespace stock-prediction rollout status deployment/api --timeout 300s || {
    kubectl --namespace stock-prediction rollout undo deployment/api
    echo "release $version did not become ready; the one before it serves again" >&2
    exit 1
}
