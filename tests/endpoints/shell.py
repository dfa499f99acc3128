"""A model image that knows nothing of us: a shell, nc and the contract."""

from __future__ import annotations

import io
import tarfile

import docker

from tests.compute.conftest import BUSYBOX, make_image

IMAGE = "mlstudio-test/shell-model:1"
SERVE = "#!/bin/sh\necho serving\nexec nc -ll -p 8080 -e /bin/answer\n"
ANSWER = r"""#!/bin/sh
CR=$(printf '\r')
read -r method path rest
length=0
while read -r line; do
  line=${line%"$CR"}
  [ -z "$line" ] && break
  case $line in [Cc]ontent-[Ll]ength:*) length=${line#*: } ;; esac
done
body=
[ "$length" -gt 0 ] && body=$(head -c "$length")
[ "$body" = die ] && kill -9 -1
mode=read-only
touch /opt/ml/model/x 2>/dev/null && mode=writable
[ "$path" = /ping ] || body="$body $(cat /opt/ml/model/name) $mode"
printf 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n'
printf 'Content-Length: %d\r\n\r\n%s' "${#body}" "$body"
"""
DOCKERFILE = f"FROM {BUSYBOX}\nCOPY serve answer /bin/\n"


def pack(files: dict[str, str], mode: str = "w") -> bytes:
    """Return a tar archive of executable text files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload] # any mode
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o755
            archive.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def image(client: docker.APIClient) -> str:
    """Build the image; return its name."""
    if not client.images(BUSYBOX):
        make_image(client)
    context = pack({"Dockerfile": DOCKERFILE, "serve": SERVE, "answer": ANSWER})
    steps = client.build(fileobj=io.BytesIO(context), custom_context=True, tag=IMAGE, decode=True)
    errors = [step["error"] for step in steps if "error" in step]
    assert not errors, errors
    return IMAGE
