#!/bin/bash
# Starts one broker as the official image does: server.properties from the KAFKA_* variables, the storage made once.
set -euo pipefail
properties=/tmp/server.properties
while IFS='=' read -r name value; do
    case $name in
    KAFKA_HEAP_OPTS | KAFKA_*_OPTS) continue ;;
    KAFKA_*)
        key=${name#KAFKA_}
        key=${key,,}
        printf '%s=%s\n' "${key//_/.}" "$value"
        ;;
    esac
done < <(env) >"$properties"
# KafkaRaftMetrics and friends log at INFO; warnings are enough for a container's log.
java=(java -cp '/opt/kafka/*' -Dlog4j2.level=WARN ${KAFKA_HEAP_OPTS:--Xmx256m -Xms256m} -XX:+UseSerialGC -XX:TieredStopAtLevel=4)
"${java[@]}" kafka.tools.StorageTool format --cluster-id "${CLUSTER_ID:?}" --config "$properties" --ignore-formatted
exec "${java[@]}" kafka.Kafka "$properties"
