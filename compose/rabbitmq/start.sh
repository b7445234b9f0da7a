#!/bin/sh
# Starts RabbitMQ with its metrics on the network `broker` alone: its configuration takes no name for that
# listener, and the address is known only now. All else is in rabbitmq.conf.
set -eu
# The node's name is part of where its data is: under another name it would start empty, and nobody see it.
former=/var/lib/rabbitmq/mnesia/rabbit@rabbitmq
[ ! -e "$former" ] || { echo "start: $former holds queues of the node's former name: empty them with the former compose.yaml, then remove it (docs/compose.md, Upgrade)" >&2; exit 1; }
host=rabbitmq-on-broker
address=$(getent hosts "$host" | awk '{ print $1; exit }')
[ -n "$address" ] || { echo "start: no address for $host" >&2; exit 1; }
metrics="-rabbitmq_prometheus tcp_config [{ip,\"$address\"},{port,15692}]"
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="${RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:-} $metrics"
exec docker-entrypoint.sh rabbitmq-server
