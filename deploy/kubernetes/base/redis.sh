#!/bin/sh
# redis.sh server|sentinel: three servers of which one leads, and three sentinels that replace it.
set -eu
group=stocks
peers="redis-0.redis redis-1.redis redis-2.redis"

leader() {
    for peer in $peers; do
        found=$(redis-cli -h "$peer" -p 26379 --raw SENTINEL get-master-addr-by-name "$group" 2>/dev/null | head -n 1) || continue
        [ -n "$found" ] && echo "$found" && return
    done
    echo redis-0.redis
}

own="$(hostname).redis"
lead="$(leader)"
case $1 in
server)
    set -- --dir /data --save "" --maxmemory 128mb --maxmemory-policy allkeys-lru \
        --replica-announce-ip "$own" --protected-mode no
    [ "$lead" = "$own" ] || set -- "$@" --replicaof "$lead" 6379
    exec redis-server "$@"
    ;;
sentinel)
    cat >/data/sentinel.conf <<EOF
port 26379
dir /data
protected-mode no
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $own
sentinel monitor $group $lead 6379 2
sentinel down-after-milliseconds $group 2000
sentinel failover-timeout $group 10000
EOF
    exec redis-server /data/sentinel.conf --sentinel
    ;;
esac
