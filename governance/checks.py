"""Django system checks of our own, run by `manage.py check --deploy`: templates compile, walls stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.template.base import NodeList, Template
from django.template.loader import get_template
from django.template.loader_tags import ExtendsNode, IncludeNode

from apps.engine.walls import lacking


@register("templates", deploy=True)
def templates_compile(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Every template parses, and every template that it names outright exists."""
    return [problem for name in sorted(_names()) for problem in _problems(name)]


@register("security", deploy=True)
def walls_are_offered(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """This kernel has the walls that measuring a hostile model relies on."""
    return [Warning(sentence, id="countersign.W001") for sentence in lacking()]


def _names() -> Iterator[str]:
    for folder in map(Path, settings.TEMPLATES[0]["DIRS"]):  # type: ignore[call-overload]
        for path in folder.rglob("*"):
            if path.suffix in {".html", ".svg", ".txt"}:
                yield str(path.relative_to(folder))


def _problems(name: str) -> Iterator[CheckMessage]:
    try:
        template: Template = get_template(name).template  # type: ignore[attr-defined]
    except TemplateSyntaxError as error:
        yield Error(f"The template does not compile: {error}", obj=name, id="countersign.E001")
        return
    for named in _named(template.nodelist):
        try:
            get_template(named)
        except TemplateDoesNotExist:
            yield Error(f"It names {named!r}, which does not exist.", obj=name, id="countersign.E002")
        except TemplateSyntaxError:
            continue  # reported where it is itself looked at


def _named(nodes: NodeList) -> Iterator[str]:
    """Literal names in `extends` and `include`; a name computed at run time cannot be followed."""
    for kind, attribute in ((ExtendsNode, "parent_name"), (IncludeNode, "template")):
        for node in nodes.get_nodes_by_type(kind):
            value = getattr(getattr(node, attribute), "var", None)
            if isinstance(value, str):
                yield value
