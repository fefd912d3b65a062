#!/bin/bash
# ./start.sh OUT: lays the configuration of the edge under OUT/run and runs it
R=$1/run; mkdir -p $R/{ats,atslogs,edge}; cp -r /etc/trafficserver/body_factory "$(dirname "$0")"/* $R/edge/
sed "s#@OUT@#$1#" "$(dirname "$0")"/runroot.yaml.in > $R/runroot.yaml
exec traffic_server --run-root=$R/runroot.yaml
