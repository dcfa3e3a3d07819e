"""Sections: what a heading promises about the text below it.

A heading is matched against phrases, the more specific role first; a heading that says nothing
inherits the role of the one above it. Phrases of other languages stand beside the English ones.
"""

from __future__ import annotations

import re

from .book import SectionRole

# In order: the first role with a phrase in the heading wins.
_PHRASES: tuple[tuple[SectionRole, str], ...] = (
    ("skip", "out of scope|out-of-scope|not in scope|non-goal|nongoal|non goals|future work|"
             "future scope|"
             "future enhancement|future phase|later phase|phase 2|not included|exclusions|"
             "won't have|wont have|anti-goals|alternatives considered|changelog|change log|"
             "revision history|document history|references|further reading|ideas for later|"
             "fuera de alcance|fora do escopo|fora de escopo|nicht-ziele|nicht im umfang|"
             "außerhalb|abgrenzung|hors périmètre|hors perimetre|不在范围|范围之外|범위 외|제외"),
    ("questions", "open question|open point|open issue|unresolved|not decided|undecided|to be "
                  "decided|"
                  "to be clarified|clarification|tbd|preguntas abiertas|questões em aberto|"
                  "offene fragen|offene punkte|questions ouvertes|待定|미결"),
    ("links", "relationship|relations between|cardinalit|associations|entity relations|relaciones|"
              "relacionamentos|beziehungen|关系|관계"),
    ("retention", "retention|data lifecycle|data life cycle|deletion|archiving|archival|purge|"
                  "retención|retenção|aufbewahrung|löschfrist|conservation|保留|보존|보관"),
    ("volume", "volume|data size|sizing|capacity|scale|scaling|numbers|growth|expected load|how "
               "much|traffic|size and speed|load profile|volumen|volumetria|mengen|volumétrie|"
               "数据量|용량"),
    ("sla", "performance|latency|sla|slo|speed|response time|service level|throughput|how fast|"
            "rendimiento|desempenho|antwortzeit|leistung|性能|성능"),
    ("recovery", "recovery|backup|availability|continuity|disaster|reliability|rpo|rto|"
                 "respaldo|wiederherstellung|sauvegarde|备份|백업"),
    ("tenancy", "tenan|isolation|mandant|多租户|테넌트"),
    ("privacy", "privacy|gdpr|personal data|pii|data protection|compliance|security|safety|legal|"
                "law|"
                "hipaa|privacidad|privacidade|datenschutz|confidentialité|隐私|개인정보"),
    ("interface", "user interface|look and feel|ui requirement|ux|design system|wireframe|mockup|"
                  "screens|visual design|branding|interfaz|interface do usuário|oberfläche"),
    ("data", "data$|data model|data requirement|data entit|entities|entity|domain model|database|"
             "schema|"
             "data dictionary|data structure|what the system stores|what we store|what is stored|"
             "information model|tables|data to store|the things we|conceptual model|data we keep|"
             "business objects|domain object|data design|objects|records|stored data|"
             "modelo de datos|modelo de dados|entidades|datenmodell|entitäten|daten|"
             "modèle de données|entités|données|数据模型|数据表|实体|데이터 모델|엔티티"),
    ("rules", "business rule|rules|constraints|invariants|validation|integrity|reglas|regras|"
              "regeln|"
              "règles|业务规则|规则|규칙"),
    ("access", "access pattern|queries|query|workload|reports|reporting|dashboards|searches|"
               "operations|consultas|abfragen|requêtes|查询|쿼리"),
    ("roles", "roles|permission|access control|authorization|authorisation|access rights|access|"
              "rights|papéis|rollen|berechtigungen|rôles|角色|权限|권한|역할"),
    ("requirements", "functional requirement|requirement|user stor|use case|features|functionality|"
                     "acceptance criteria|scenarios|capabilities|what it does|in scope|scope|"
                     "requisitos|funciones|anforderungen|funktionen|exigences|fonctionnalités|"
                     "功能需求|需求|功能|요구사항|기능"),
    ("quality", "non-functional|nonfunctional|quality attribute|quality requirement|nfr|technical|"
                "constraints and|no funcionales|não funcionais|nichtfunktional|非功能|비기능"),
    ("assumptions", "assumption|premise|supuestos|annahmen|hypothèses|假设|가정"),
    ("people", "persona|people|users|who uses|stakeholder|audience|actors|target user|who it is "
               "for|"
               "who we build|usuarios|usuários|benutzer|nutzer|utilisateurs|用户|사용자"),
    ("overview", "overview|introduction|background|summary|purpose|goal|objective|vision|context|"
                 "why we|problem|about|metric|success|resumen|resumo|überblick|einleitung|ziele|"
                 "aperçu|contexte|概述|背景|개요|배경"),
)  # fmt: skip

_BOUNDED = tuple(
    (role, re.compile(r"(?<![A-Za-z])(?:" + phrases + r")", re.I)) for role, phrases in _PHRASES
)
# "Non-functional requirements" also contains "requirement" and is asked first.
_QUALITY_FIRST = re.compile(r"non-?\s?functional|quality (?:attribute|requirement)|\bnfrs?\b", re.I)
_NUMBERING = re.compile(
    r"^\s*(?:(?:section|part|chapter|step|appendix)\s+)?(?:\d+(?:\.\d+)*|[A-Z]|"
    r"[ivx]+)[.):]?\s+(?=\S)"
    r"|^\s*\d+(?:\.\d+)*[.):]\s*",
    re.I,
)
_ARTICLE_START = re.compile(r"^\s*[aA]\s")

# Roles whose sentences are expected to hold facts about data.
DATA_ROLES = frozenset(
    "data links requirements rules access sla volume retention privacy tenancy recovery roles "
    "quality".split()
)


def clean_heading(text: str) -> str:
    """The heading without numbering, closing hashes and trailing marks."""
    text = text.strip().rstrip("#").strip()
    match = _NUMBERING.match(text)
    if match and not _ARTICLE_START.match(text):
        text = text[match.end() :]
    return text.strip(" :*`_")


def role_of(heading: str) -> SectionRole | None:
    """The role a heading gives to its section, or None where it says nothing.

    >>> role_of("4. Data model"), role_of("Out of scope (v1)"), role_of("Kiln & Oak")
    ('data', 'skip', None)
    """
    text = clean_heading(heading)
    if len(text) > 120:
        return None
    if _QUALITY_FIRST.search(text):
        return "quality"
    for role, pattern in _BOUNDED:
        if pattern.search(text):
            return role
    return None
