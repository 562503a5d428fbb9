"""/healthz: this process lives. /readyz: everything that recording a call needs is there."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from recordings import readiness


def alive(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's signature
    return HttpResponse("ok\n", content_type="text/plain")


def ready(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - Django's signature
    """200 where every check is good, else 503. Names and verdicts only: the sentences are for `doctor`."""
    findings = readiness.check()
    good = all(finding.good for finding in findings)
    checks = {finding.name: "good" if finding.good else "bad" for finding in findings}
    return JsonResponse({"ready": good, "checks": checks}, status=200 if good else 503)
