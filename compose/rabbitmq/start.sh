#!/bin/sh
# Starts RabbitMQ with its metrics on the network `broker` alone: its configuration takes no name for that
# listener, and the address is known only now. All else is in rabbitmq.conf.
set -eu
host=rabbitmq-on-broker
address=$(getent hosts "$host" | awk '{ print $1; exit }')
[ -n "$address" ] || { echo "start: no address for $host" >&2; exit 1; }
metrics="-rabbitmq_prometheus tcp_config [{ip,\"$address\"},{port,15692}]"
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="${RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:-} $metrics"
exec docker-entrypoint.sh rabbitmq-server
