"""Every write of the inventory."""

from __future__ import annotations

from apps.inventory.commands.blobs import keep_made, store_blob
from apps.inventory.commands.conversion_leases import give_back_conversions, mind_conversions
from apps.inventory.commands.conversions import ask_conversion, execute_conversion, open_conversion
from apps.inventory.commands.documents import register_document
from apps.inventory.commands.elsewhere import report_evidence
from apps.inventory.commands.ideas import open_idea
from apps.inventory.commands.lineage import end_edge, state_edge, take_lineage
from apps.inventory.commands.models import change_model, declare_unit, register_model, rename_unit
from apps.inventory.commands.purging import purge_blobs
from apps.inventory.commands.scopes import decide_regime, determine
from apps.inventory.commands.scorecards import propose_scorecard, release_scorecard
from apps.inventory.commands.sweeping import remove_strays, set_quota, sweep_blobs
from apps.inventory.commands.tiers import answer_tier_again, assign_tier
from apps.inventory.commands.uploads import (
    add_piece,
    begin_upload,
    cancel_upload,
    complete_upload,
    expire_uploads,
)
from apps.inventory.commands.uses import add_use, retire_use
from apps.inventory.commands.vendors import keep_vendor_review, note_change
from apps.inventory.commands.versions import contribution_of, note_contribution, register_version

__all__ = [
    "add_piece",
    "add_use",
    "answer_tier_again",
    "ask_conversion",
    "assign_tier",
    "begin_upload",
    "cancel_upload",
    "change_model",
    "complete_upload",
    "contribution_of",
    "decide_regime",
    "declare_unit",
    "determine",
    "end_edge",
    "execute_conversion",
    "expire_uploads",
    "give_back_conversions",
    "keep_made",
    "keep_vendor_review",
    "mind_conversions",
    "note_change",
    "note_contribution",
    "open_conversion",
    "open_idea",
    "propose_scorecard",
    "purge_blobs",
    "register_document",
    "register_model",
    "register_version",
    "release_scorecard",
    "remove_strays",
    "rename_unit",
    "report_evidence",
    "retire_use",
    "set_quota",
    "state_edge",
    "store_blob",
    "sweep_blobs",
    "take_lineage",
]
