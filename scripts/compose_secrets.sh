#!/usr/bin/env bash
# Makes the secrets that compose.yaml mounts, in secrets/. What is already there stays as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

random() { head -c 48 /dev/urandom | base64 | tr -d '\n=' | tr '+/' '-_'; }

# keep NAME VALUE: the container's user must be able to read the file; the folder keeps everyone else on this machine out.
keep() {
  [ -e "secrets/$1" ] || printf '%s\n' "$2" >"secrets/$1"
}

(umask 077 && mkdir -p secrets)
umask 022
for name in secret_key jwt_secret_key database_password initial_superuser_password; do
  keep "$name" "$(random)"
done
keep database_url "postgres://strangle:$(cat secrets/database_password)@postgres:5432/strangle"
for name in alert_urls delta_api_key delta_api_secret delta_testnet_api_key delta_testnet_api_secret; do
  keep "$name" ''
done
echo "Secrets are in secrets/. The first administrator's password: secrets/initial_superuser_password"
echo "Where alerts go: secrets/alert_urls (docs/operations.md)."
echo "For live or testnet sessions, put the exchange's keys into secrets/delta_api_* or secrets/delta_testnet_api_*."
