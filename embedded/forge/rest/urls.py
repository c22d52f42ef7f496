"""Addresses in answers, built from the address the client used, so that its own check of them succeeds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Urls:
    """`site` is scheme://host, `prefix` is "/api/v3" or "" (as the client asked), `repo` is owner/name.

    `people` is scheme://host where people open the pages, when that is another one: links to pages say it.
    `version` is the X-GitHub-Api-Version the client asked for; answers differ a little between them.
    """

    site: str
    prefix: str
    repo: str
    version: str = "2022-11-28"
    people: str = ""

    @property
    def api(self) -> str:
        return self.site + self.prefix

    @property
    def repo_api(self) -> str:
        return f"{self.site}{self.prefix}/repos/{self.repo}"

    @property
    def repo_html(self) -> str:
        return f"{self.pages}/{self.repo}"

    @property
    def pages(self) -> str:
        return self.people or self.site

    def user(self, login: str) -> str:
        return f"{self.api}/users/{login}"

    def issue(self, number: int) -> str:
        return f"{self.repo_api}/issues/{number}"

    def issue_html(self, number: int, *, pull: bool = False) -> str:
        return f"{self.repo_html}/{'pull' if pull else 'issues'}/{number}"
