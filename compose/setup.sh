#!/bin/sh
# Makes every secret of compose.yaml that nobody has given, and hands each service its own files and no
# others. Runs before everything else at each `docker compose up`, in a container that has a shell
# anyway, and changes nothing that is there: what was made once stays. Starts nothing.
#
#   setup              make and hand out
#   setup list         the names of the secrets
#   setup show NAME    one of them
set -eu
umask 0377

# The places, as compose.yaml mounts them.
given=${SETUP_GIVEN:-/given}       # ./secrets, the operator's own
kept=${SETUP_KEPT:-/kept}          # what was given or made; mounted nowhere else
out=${SETUP_OUT:-/out}             # a folder for each service
templates=${SETUP_TEMPLATES:-/templates}

# Who the services run as, by their images.
hubline=${SETUP_UID:-65532}
rabbitmq=${SETUP_UID:-100}
redis=${SETUP_UID:-999}
postgres=${SETUP_UID:-70}
grafana=${SETUP_UID:-472}
alertmanager=${SETUP_UID:-65534}

say() { printf 'setup: %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }

# key: as SECRETS_KEY wants it.
key() { head -c 32 /dev/urandom | base64 | tr -d '\n'; }

random() { head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# take NAME: the operator's own, if there is one; 1 if not.
take() {
    [ -s "$given/$1" ] || return 1
    # Editors end a file with a newline that is no part of the secret.
    keep "$1" "$(cat "$given/$1")"
}

keep() {
    rm -f "$kept/$1.new"
    printf '%s' "$2" >"$kept/$1.new"
    mv -f "$kept/$1.new" "$kept/$1"
}

# need NAME: sees that there is one, made if need be.
need() {
    take "$1" || [ -s "$kept/$1" ] || keep "$1" "$(random)"
}

# need_plain NAME: the same for one that becomes part of an address.
need_plain() {
    need "$1"
    case $(read_one "$1") in
        *[!A-Za-z0-9._~-]*) fail "secrets/$1: use letters, digits and . _ ~ - only" ;;
    esac
}

read_one() { cat "$kept/$1"; }

# put SERVICE UID FILE: standard input as a file that only that service's user can read. Replaced in one
# step, since the service may be running.
put() {
    rm -f "$out/$1/$3.new"
    cat >"$out/$1/$3.new"
    chown "$2" "$out/$1/$3.new"
    mv -f "$out/$1/$3.new" "$out/$1/$3"
}

# hand SERVICE UID NAME…: secrets as files of the same names; those that nobody gave are left out.
hand() {
    service=$1 uid=$2
    shift 2
    for name; do
        if [ -s "$kept/$name" ]; then
            read_one "$name" | put "$service" "$uid" "$name"
        else
            rm -f "$out/$service/$name"
        fi
    done
}

# withhold SERVICE NAME…: what was handed out once is not there any more.
withhold() {
    service=$1
    shift
    for name; do rm -f "$out/$service/$name"; done
}

# Whether portals install the app, as hubline.env says.
has_oauth() { [ -n "${HUBSPOT_CLIENT_ID:-}" ]; }

# Whether secrets are kept sealed, and secrets-key is needed: with OAuth, and where hubline.env names the key for
# secrets that are made for tenants' destinations.
seals() { has_oauth || [ -n "${SECRETS_KEY_FILE:-}" ]; }

# bytes: hexadecimal from standard input as the bytes that it stands for.
bytes() {
    hex=$(cat)
    while [ -n "$hex" ]; do
        rest=${hex#??}
        # shellcheck disable=SC2059 # the octal escape is the format
        printf "\\$(printf '%03o' "0x${hex%"$rest"}")"
        hex=$rest
    done
}

sha256() { sha256sum | cut -d ' ' -f 1; }

# rabbitmq_hash NAME: as RabbitMQ keeps a password: salt, and SHA-256 of salt and password.
rabbitmq_hash() {
    salt=$(random | head -c 8)
    digest=$({ printf '%s' "$salt" | bytes; read_one "$1"; } | sha256)
    printf '%s%s' "$salt" "$digest" | bytes | base64 | tr -d '\n'
}

make() {
    own=yes
    take hubspot-client-secret || own=no
    need hubspot-client-secret
    for name in hubspot-client-secret-previous hubspot-access-token slack-bot-token erp-api-key \
        otlp-headers alertmanager-slack-url console-tenant-tokens forward-proxy; do
        # One that was taken away again is gone.
        take "$name" || rm -f "$kept/$name"
    done
    for name in console-token console-viewer-token grafana-password redis-health; do need "$name"; done
    if seals; then take secrets-key || [ -s "$kept/secrets-key" ] || keep secrets-key "$(key)"; fi
    for name in amqp-receiver amqp-worker amqp-console redis database postgres; do need_plain "$name"; done
}

hand_out() {
    for name in receiver worker console; do
        printf 'amqp://hubline-%s:%s@rabbitmq:5672/hubline' "$name" "$(read_one "amqp-$name")" |
            put "$name" "$hubline" amqp-url
        hand "$name" "$hubline" otlp-headers
    done
    hand receiver "$hubline" hubspot-client-secret hubspot-client-secret-previous
    hand send "$hubline" hubspot-client-secret
    hand worker "$hubline" hubspot-access-token slack-bot-token erp-api-key forward-proxy
    hand console "$hubline" console-token console-viewer-token console-tenant-tokens slack-bot-token
    for asker in worker console; do
        if has_oauth; then
            hand "$asker" "$hubline" hubspot-client-secret
        else
            withhold "$asker" hubspot-client-secret
        fi
        if seals; then hand "$asker" "$hubline" secrets-key; else withhold "$asker" secrets-key; fi
    done
    printf 'redis://hubline:%s@redis:6379/0' "$(read_one redis)" | put worker "$hubline" redis-url
    for name in worker console; do
        printf 'postgres://hubline:%s@postgres:5432/hubline' "$(read_one database)" |
            put "$name" "$hubline" database-url
    done
    sed -e "s|@receiver@|$(rabbitmq_hash amqp-receiver)|" \
        -e "s|@worker@|$(rabbitmq_hash amqp-worker)|" \
        -e "s|@console@|$(rabbitmq_hash amqp-console)|" \
        "$templates/definitions.json" | put rabbitmq "$rabbitmq" definitions.json
    sed -e "s|@hubline@|$(read_one redis | sha256)|" -e "s|@health@|$(read_one redis-health | sha256)|" \
        "$templates/users.acl" | put redis "$redis" users.acl
    hand redis "$redis" redis-health
    hand postgres "$postgres" postgres database
    hand grafana "$grafana" grafana-password
    hand alertmanager "$alertmanager" alertmanager-slack-url
    if [ -s "$kept/alertmanager-slack-url" ]; then slack=-slack; else slack=; fi
    put alertmanager "$alertmanager" alertmanager.yml <"$templates/alertmanager$slack.yml"
}

case ${1:-} in
    '') ;;
    list) ls "$kept"; exit ;;
    show)
        [ -s "$kept/${2:?the name of a secret}" ] || fail "no secret '$2'; see: setup list"
        cat "$kept/$2"
        echo
        exit
        ;;
    *) fail "usage: setup [list | show NAME]" ;;
esac
make
hand_out
say "every service has its secrets"
if [ "$own" = no ]; then
    say "there is no secrets/hubspot-client-secret, so one was made up: nothing of HubSpot's is taken yet."
    say "Put the client secret of your app (its Auth page) there, then:"
    say "  docker compose run --rm setup && docker compose restart receiver"
    say "To try Hubline without HubSpot: docker compose run --rm setup show hubspot-client-secret"
fi
