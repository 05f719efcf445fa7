"""What the loopback Hub answers: the routes of the Hub's HTTP interface that the clients use for models."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from .loopback_store import Blob, Commit, HubError, Repo


@dataclass
class Request:
    """A request, the state of the Hub that it came to, and whether its token is known there."""

    hub: Any
    method: str
    path: str
    query: dict[str, list[str]]
    headers: Any
    body: bytes
    known: bool

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def asks(self, name: str) -> bool:
        return self.query.get(name, ["0"])[0].lower() in {"1", "true"}

    def repo(self, name: str) -> Repo:
        found = self.hub.repos.get(name)
        if found is None or (found.private and not self.known):
            # To strangers the Hub does not tell what is private from what is not there.
            raise HubError(404 if self.known else 401, "Repository not found", "RepoNotFound")
        return found


@dataclass
class Response:
    """An answer; what is not bytes becomes JSON."""

    body: Any = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Route = Callable[..., Response]
ROUTES: list[tuple[str, re.Pattern[str], Route]] = []
_PARTS = {"repo": r"[^/]+/[^/]+", "path": r".+", "folder": r".*", "kind": "branch|tag"}


def route(method: str, pattern: str) -> Callable[[Route], Route]:
    """Registers a function for a method and a path such as `/api/models/{repo}/refs`."""
    expression = re.sub(r"{(\w+)}", lambda m: f"(?P<{m[1]}>{_PARTS.get(m[1], '[^/]+')})", pattern)

    def register(function: Route) -> Route:
        ROUTES.append((method, re.compile(expression), function))
        return function

    return register


def answer(request: Request) -> Response:
    """Calls the first route that fits; HEAD is a GET of which the headers alone are sent."""
    method = "GET" if request.method == "HEAD" else request.method
    try:
        # Uploads by LFS carry no token: their address itself is the permission.
        if method not in {"GET", "PUT"} and not request.known:
            raise HubError(401, "Invalid username or password.")
        for wanted, pattern, function in ROUTES:
            if wanted == method and (match := pattern.fullmatch(request.path)):
                return function(request, **{k: unquote(v) for k, v in match.groupdict().items()})
        raise HubError(404, f"There is no route for {request.method} {request.path}")
    except HubError as error:
        headers = {"X-Error-Message": error.message} | ({"X-Error-Code": error.code} if error.code else {})
        return Response({"error": error.message}, error.status, headers)


@route("GET", "/api/whoami-v2")
def whoami(request: Request) -> Response:
    if not request.known:
        raise HubError(401, "Invalid credentials in Authorization header")
    name = request.hub.namespace
    return Response({"type": "user", "name": name, "auth": {"type": "access_token"}, "orgs": []})


def _full_name(request: Request) -> str:
    return f"{request.json.get('organization') or request.hub.namespace}/{request.json['name']}"


@route("POST", "/api/repos/create")
def create(request: Request) -> Response:
    name, wanted = _full_name(request), request.json
    url = {"url": f"{request.hub.endpoint}/{name}"}
    if name in request.hub.repos:
        return Response({"error": "You already created this model repo", **url}, 409)
    private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
    request.hub.repos[name] = Repo(private=private)
    return Response(url)


@route("DELETE", "/api/repos/delete")
def delete(request: Request) -> Response:
    request.repo(_full_name(request))
    del request.hub.repos[_full_name(request)]
    return Response()


@route("POST", "/api/validate-yaml")
def validate_yaml(request: Request) -> Response:
    text = request.json["content"]
    if text.startswith("---\n") and "\n---" not in text[4:]:
        return Response({"errors": [{"message": "The metadata has no end."}], "warnings": []}, 400)
    return Response({"errors": [], "warnings": []})


@route("GET", "/api/models/{repo}")
@route("GET", "/api/models/{repo}/revision/{rev}")
def model_info(request: Request, repo: str, rev: str = "main") -> Response:
    found = request.repo(repo)
    commit = found.resolve(rev)
    card = commit.files.get("README.md", Blob(b"")).content.decode().split("\n---")[0]
    facts = dict(re.findall(r"^(pipeline_tag|library_name): *(\S+)$", card, re.MULTILINE))
    facts |= {"private": found.private, "gated": "auto" if found.gated else False, "tags": []}
    names = [{"rfilename": path} for path in sorted(commit.files)]
    return Response({"id": repo, "sha": commit.oid, "siblings": names, "lastModified": commit.date, **facts})


@route("GET", "/api/models/{repo}/refs")
def refs(request: Request, repo: str) -> Response:
    def listed(names: dict[str, Commit], prefix: str) -> list[dict[str, str]]:
        return [{"name": n, "ref": prefix + n, "targetCommit": commit.oid} for n, commit in names.items()]

    found = request.repo(repo)
    kinds = {"branches": listed(found.branches, "refs/heads/"), "tags": listed(found.tags, "refs/tags/")}
    return Response({**kinds, "converts": []})


@route("GET", "/api/models/{repo}/commits/{rev}")
def commits(request: Request, repo: str, rev: str) -> Response:
    history = request.repo(repo).resolve(rev).history
    return Response(
        [{"id": c.oid, "title": c.title, "message": "", "date": c.date, "authors": []} for c in history]
    )


@route("POST", "/api/models/{repo}/{kind}/{rev}")
def create_name(request: Request, repo: str, kind: str, rev: str) -> Response:
    found = request.repo(repo)
    branches = kind == "branch"
    names, name = (found.branches, rev) if branches else (found.tags, request.json["tag"])
    if name in names:
        raise HubError(409, f"{name} already exists")
    names[name] = found.resolve(request.json.get("startingPoint", "main") if branches else rev)
    return Response()


@route("DELETE", "/api/models/{repo}/{kind}/{rev}")
def delete_name(request: Request, repo: str, kind: str, rev: str) -> Response:
    found = request.repo(repo)
    if (found.branches if kind == "branch" else found.tags).pop(rev, None) is None:
        raise HubError(404, f"There is no {kind} {rev}", "RevisionNotFound")
    return Response()


@route("GET", "/api/models/{repo}/tree/{rev}{folder}")
def tree(request: Request, repo: str, rev: str, folder: str) -> Response:
    commit = request.repo(repo).resolve(rev)
    prefix = f"{folder.strip('/')}/".lstrip("/")
    inside = {path: blob for path, blob in commit.files.items() if path.startswith(prefix)}
    if prefix and not inside:
        raise HubError(404, f"There is no folder {folder}", "EntryNotFound")
    entries = []
    for path, blob in sorted(inside.items()):
        if request.asks("recursive") or "/" not in path[len(prefix) :]:
            entry = {"type": "file", "path": path, "size": len(blob.content), "oid": blob.oid}
            lfs = {"oid": blob.sha256, "size": len(blob.content), "pointerSize": len(blob.pointer)}
            entries.append(entry | ({"lfs": lfs} if blob.is_lfs else {}))
    return Response(entries)


@route("POST", "/api/models/{repo}/preupload/{rev}")
def preupload(request: Request, repo: str, rev: str) -> Response:
    there = request.repo(repo).resolve(rev).files
    files = [
        {
            "path": path,
            "uploadMode": "lfs" if request.hub.lfs and path.endswith(".safetensors") else "regular",
            "shouldIgnore": False,
            "oid": there[path].etag if path in there else None,
        }
        for path in (file["path"] for file in request.json["files"])
    ]
    return Response({"files": files})


@route("POST", "/api/models/{repo}/commit/{rev}")
def commit(request: Request, repo: str, rev: str) -> Response:
    found = request.repo(repo)
    header, *lines = (json.loads(line) for line in request.body.splitlines())
    present = found.resolve(rev).files
    changes = {path: blob for line in lines for path, blob in _changes(request, present, **line)}
    number = 1 + sum(name.startswith("refs/pr/") for name in found.branches)
    made = found.commit(
        rev,
        changes,
        title=header["value"]["summary"],
        parent=header["value"].get("parentCommit"),
        target=f"refs/pr/{number}" if request.asks("create_pr") else None,
    )
    url = f"{request.hub.endpoint}/{repo}"
    urls = {"commitUrl": f"{url}/commit/{made.oid}", "pullRequestUrl": f"{url}/discussions/{number}"}
    return Response({"success": True, "commitOid": made.oid, **urls})


def _changes(
    request: Request, present: Any, key: str, value: dict[str, Any]
) -> Iterator[tuple[str, Blob | None]]:
    path, contents = value["path"], request.hub.objects
    if {"..", ".git", "", "."} & set(path.rstrip("/").split("/")):
        raise HubError(400, f"Invalid path: {path}")
    if key == "file":
        yield path, Blob(base64.b64decode(value["content"], validate=True))
    elif key == "lfsFile" and value["oid"] in contents:
        yield path, Blob(contents[value["oid"]], is_lfs=True)
    elif key == "deletedFile":
        yield path, None
    elif key == "deletedFolder":
        yield from ((p, None) for p in present if p.startswith(path.rstrip("/") + "/"))
    else:
        raise HubError(400, f"{key} of {path}: no such operation, or its content was not uploaded")


@route("POST", "/{repo}.git/info/lfs/objects/batch")
def lfs_batch(request: Request, repo: str) -> Response:
    request.repo(repo)
    objects = [{"oid": wanted["oid"], "size": wanted["size"]} for wanted in request.json["objects"]]
    for wanted in objects:
        if wanted["oid"] not in request.hub.objects:
            wanted["actions"] = {"upload": {"href": f"{request.hub.endpoint}/lfs/{wanted['oid']}"}}
    return Response({"transfer": "basic", "objects": objects})


@route("PUT", "/lfs/{oid}")
def lfs_upload(request: Request, oid: str) -> Response:
    if Blob(request.body).sha256 != oid:
        raise HubError(400, "The content does not have the promised digest")
    request.hub.objects[oid] = request.body
    return Response()


@route("GET", "/{repo}/resolve/{rev}/{path}")
def resolve(request: Request, repo: str, rev: str, path: str) -> Response:
    found = request.repo(repo)
    if found.gated and not request.known:
        raise HubError(401, f"Access to model {repo} is restricted", "GatedRepo")
    commit = found.resolve(rev)
    headers = {"X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes"}
    if path not in commit.files:
        return Response({}, 404, headers | {"X-Error-Code": "EntryNotFound"})
    blob = commit.files[path]
    headers["ETag"] = f'"{blob.etag}"'
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range") or "")
    if not wanted:
        return Response(blob.content, 200, headers)
    size = len(blob.content)
    first, last = int(wanted[1]), min(int(wanted[2] or size), size - 1)
    headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return Response(blob.content[first : last + 1], 206, headers)
