#!/bin/sh
# After Azure has made everything: the CA key is checked, or made where a policy kept the template from making it; secrets
# that are missing are drawn; and the next steps are told. Runs again without harm: what is there stays.
set -eu

vault="$AZURE_KEY_VAULT_NAME"
key="${SCEPTER_CA_KEY:-issuing-ca}"

show_key() {
  az keyvault key show --vault-name "$vault" --name "$key" --query "$1" --output tsv 2>/dev/null
}

if ! show_key key.kid >/dev/null; then
  az keyvault key create --vault-name "$vault" --name "$key" --kty "${CA_KEY_TYPE:-RSA-HSM}" \
    --size 3072 --ops sign --exportable false --output none
fi
case "$(show_key key.kty)" in
  *-HSM) ;;
  *)
    echo "The key $key in $vault is not in an HSM. Make another, under another name." >&2
    exit 1
    ;;
esac
if [ "$(show_key attributes.exportable)" = "true" ]; then
  echo "The key $key in $vault can be exported. Make another, under another name." >&2
  exit 1
fi

# The value reaches az by a file that only we can read: arguments are seen by everybody on this machine.
set_missing() {
  if az keyvault secret show --vault-name "$vault" --name "$1" --query id --output tsv >/dev/null 2>&1; then
    return
  fi
  file="$(mktemp)"
  openssl rand -base64 32 | tr '+/' '-_' | tr -d '\n' >"$file"
  az keyvault secret set --vault-name "$vault" --name "$1" --file "$file" --encoding utf-8 --output none
  rm -f "$file"
  echo "drawn: secret $1"
}

set_all() {
  for name in $(echo "$2" | tr ',' ' '); do
    set_missing "$1-$name"
  done
}

set_missing challenge-keys
set_all caller "${CALLERS:-}"
set_all events "${EVENT_SOURCES:-}"
set_all static "${STATIC_CHALLENGES:-}"
set_all callback "${CALLBACK_CALLERS:-}"

cat <<STEPS

The CA key $key is in the vault $vault. Next:

1. DNS: CNAME $SCEPTER_HOST_NAME -> $SCEPTER_CNAME
        TXT   asuid.$SCEPTER_HOST_NAME (Front Door: _dnsauth.$SCEPTER_HOST_NAME) = $SCEPTER_VERIFICATION
   then bindDomain or frontDoor in infra/main.parameters.json, and: azd provision
2. The CA certificate for that key: docs/deployment.md, "The CA".
3. What devices ask: http://$SCEPTER_HOST_NAME/scep/device?operation=GetCACaps
STEPS
