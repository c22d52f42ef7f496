"""Words that tell nothing of an incident, and words that stand in most of them: instead of counting in a corpus."""

from __future__ import annotations

from typing import Final

from shared.recall.words import words

STOP: Final = frozenset(
    words("""
a an and are as at be been being but by can cannot could did do does doesn don for from get gets got had has have he
her here him his how i if in into is it its itself just like me more most my no nor not now of off on once only or
other our out over own per she so some such than that the their them then there these they this those through to too
under until up us very was we were what when where which while who whom why will with would you your yet about after
again against all also although always am among any anybody anyone around because before between both during each
either else ever every few further same since still though thus aber alle als auch auf aus bei bis da dann das dass
dem den der des die doch ein eine einem einen einer es fast fur hat haben ich ihr im ist ja kann kein keine mit nach
nicht noch nur ob oder schon sehr sich sie sind uber um und uns unser von vor war weil wenn wer wie wir wird wo wohl
wurde zu zum zur nix
""")
)
"""English, then German; stemmed."""
FAINT: Final = frozenset(
    words("""
service services svc container containers pod pods request requests call calls utc usually root cause app server
system production prod issue incident alert alerts firing problem today yesterday minute minutes second seconds hour
hours ms time times mib example seem seems look looks lot thing things everything everybody nobody somebody someone
customer customers people status log line last began begin
""")
)
