"""A SageMaker-style image that nobody here prepared: shell and core Perl on a bare Debian.

Its ``train`` and ``serve`` know nothing but the contract that AWS documents. What ``train`` does
is told by hyperparameters.
"""

from __future__ import annotations

import io
import tarfile

import docker

BASE = "mlstudio/base:bookworm"
TAG = "mlstudio-test/foreign:1"

TRAIN = r"""#!/bin/sh
# Does what the hyperparameters say, in order: see the tests.
hp() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" /opt/ml/input/config/hyperparameters.json; }
echo "host $(hostname) runs as $(id -u)"
for file in /opt/ml/input/config/*.json; do echo "config $(basename $file) $(cat $file)"; done
env | sort | sed 's/^/env /'
for channel in /opt/ml/input/data/*; do
    [ -d "$channel" ] || continue
    (cd "$channel" && find . -type f | sort | while read -r f; do
        echo "input $(basename $channel) $f $(md5sum < "$f" | cut -d' ' -f1)"
        [ "$(hp scribble)" = yes ] && echo scribble >> "$f"
    done)
done
term() { echo "caught SIGTERM"; echo stopped > /opt/ml/model/stopped; exit 0; }
trap term TERM
count=$(hp lines); n=0
while [ "$n" -lt "${count:-0}" ]; do
    n=$((n + 1)); echo "line $n loss=0.$n;"; [ -n "$(hp pause)" ] && sleep "$(hp pause)"
done
perl -ne '/^(\d+),(\d+)/ and ($n++, $s += $2); END { print $n ? $s / $n : 0, "\n" }' \
    /opt/ml/input/data/train/*.csv > /opt/ml/model/mean 2>/dev/null
case "$(hp network)" in
try) perl -MIO::Socket::INET -e '
    for my $to ("169.254.170.2:80", "1.1.1.1:53") {
        my $s = IO::Socket::INET->new(PeerAddr => $to, Timeout => 2);
        print "connect $to ", ($s ? "open" : "failed"), "\n";
    }' ;;
esac
[ -n "$(hp wait)" ] && { sleep "$(hp wait)" & wait $!; }
[ "$(hp odd)" = yes ] && printf x > "$(printf '/opt/ml/model/bad\377name')"
echo "side result" > /opt/ml/output/data/side.txt
if [ -n "$(hp failure)" ]; then hp failure > /opt/ml/output/failure; fi
exit "$(hp exit | grep . || echo 0)"
"""

SERVE = r"""#!/usr/bin/perl
# GET /ping and POST /invocations on port 8080: multiplies the mean by the number it is sent.
use strict; use warnings; use IO::Socket::INET; $| = 1; $SIG{TERM} = sub { exit 0 };
$SIG{CHLD} = 'IGNORE';
open(my $file, '<', '/opt/ml/model/mean') or die "no model: $!"; chomp(my $mean = <$file>);
my $server = IO::Socket::INET->new(LocalPort => 8080, Listen => 64, ReuseAddr => 1) or die $!;
print "serving mean $mean\n";
while (my $c = $server->accept) {
    if (fork) { close $c; next }
    my ($request, $length, %header) = (scalar <$c>, 0);
    while (my $line = <$c>) {
        last if $line =~ /^\r?\n$/;
        $header{lc $1} = $2 if $line =~ /^([^:]+):\s*(.*?)\r?\n/;
    }
    my $body = ''; read($c, $body, $header{'content-length'} // 0);
    my ($status, $answer) = ('200 OK', '');
    if ($request =~ m{^POST /invocations}) {
        if ($body =~ /^crash/) { ($status, $answer) = ('500 Internal Server Error', 'it crashed') }
        elsif ($body =~ /^sleep (\d+)/) { sleep $1; $answer = 'slept' }
        elsif ($body =~ /^die/) { kill 'TERM', getppid; exit 0 }
        else { $answer = $mean * $body }
    }
    my $n = length $answer; my $echo = $header{'x-amzn-sagemaker-custom-attributes'} // '';
    print $c "HTTP/1.1 $status\r\nContent-Length: $n\r\nContent-Type: text/plain\r\n",
        "X-Amzn-SageMaker-Custom-Attributes: $echo\r\nConnection: close\r\n\r\n$answer";
    exit 0;
}
"""


def build(user: str = "root") -> str:
    """Build the image that runs as ``user`` unless it is here; return its tag."""
    client = docker.from_env()
    context = io.BytesIO()
    tag = f"{TAG}-{user}"
    recipe = f"FROM {BASE}\nCOPY train serve /usr/local/bin/\nUSER {user}\n"
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, text in (("Dockerfile", recipe), ("train", TRAIN), ("serve", SERVE)):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text.encode()), 0o755
            tar.addfile(info, io.BytesIO(text.encode()))
    context.seek(0)
    client.images.build(fileobj=context, custom_context=True, tag=tag, rm=True)
    client.close()
    return tag
