#!/bin/sh
# Before anything is made: what cannot be changed afterwards has to be right.
set -eu

url="${SCEPTER_PUBLIC_URL:-}"
case "$url" in
  http://*.azurewebsites.net* | http://*.azurefd.net* | http://*.trafficmanager.net*)
    echo "SCEPTER_PUBLIC_URL is a name of Azure's: certificates name it for life. Take a name of your own," >&2
    echo "or set allowDefaultHost in infra/main.parameters.json for a trial." >&2
    ;;
  http://?*) ;;
  *)
    echo "Set the base of all public URLs, plain http and your own DNS name:" >&2
    echo "  azd env set SCEPTER_PUBLIC_URL http://pki.example.org" >&2
    exit 1
    ;;
esac
if [ ! -f profiles.toml ]; then
  echo "There is no profiles.toml. Begin with: cp profiles.sample.toml profiles.toml" >&2
  exit 1
fi
