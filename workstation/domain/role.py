"""What a series is for reading: the closed list of roles, and a reader's word on one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from workstation.domain.errors import N_
from workstation.domain.mark import RoleChoice
from workstation.domain.volume import Stack

REGIONS = ("brain", "vessel", "heart", "chest", "abdomen", "other")
CORRECTED = N_("A reader corrected what its headers say.")


@dataclass(frozen=True)
class RoleName:
    """One role. modalities: DICOM modalities that can have it. region: where it belongs unless
    its headers say otherwise, "" where it may be anywhere. flat: single images and one slice over
    time may have it too; every other role opens the way to volume measures."""

    name: str
    modalities: tuple[str, ...]
    region: str = ""
    flat: bool = False


_MR, _CT = ("MR",), ("CT",)

ROLES: tuple[RoleName, ...] = (
    RoleName("FLAIR", _MR, "brain"),
    RoleName("T1", _MR),
    RoleName(N_("T1+Gd"), _MR),
    RoleName("T2", _MR),
    RoleName(N_("T2*"), _MR),
    RoleName(N_("SWI"), _MR, "brain"),
    RoleName("DWI", _MR),
    RoleName("ADC", _MR),
    RoleName(N_("PWI"), _MR, "brain"),
    RoleName(N_("ASL"), _MR, "brain"),
    RoleName(N_("DCE"), _MR),
    RoleName("TOF", _MR, "vessel"),
    RoleName(N_("CE-MRA"), _MR, "vessel"),
    RoleName(N_("PC-MRA"), _MR, "vessel"),
    RoleName(N_("vessel wall"), _MR, "vessel"),
    RoleName(N_("cine SAX"), _MR, "heart"),
    RoleName(N_("cine 2ch"), _MR, "heart", flat=True),
    RoleName(N_("cine 3ch"), _MR, "heart", flat=True),
    RoleName(N_("cine 4ch"), _MR, "heart", flat=True),
    RoleName(N_("LGE"), _MR, "heart", flat=True),
    RoleName(N_("T1 map"), _MR, flat=True),
    RoleName(N_("T2 map"), _MR, flat=True),
    RoleName(N_("T2* map"), _MR, flat=True),
    RoleName(N_("ECV"), _MR, "heart", flat=True),
    RoleName(N_("first-pass perfusion"), _MR, "heart", flat=True),
    RoleName(N_("CT head"), _CT, "brain"),
    RoleName(N_("CTA"), _CT, "vessel"),
    RoleName(N_("CTP"), _CT, "brain"),
    RoleName(N_("CT chest"), _CT, "chest"),
    RoleName(N_("CT abdomen"), _CT, "abdomen"),
    RoleName(N_("calcium score"), _CT, "heart"),
    RoleName(N_("CT cardiac"), _CT, "heart"),
    RoleName(N_("AC CT"), _CT, "other"),
    RoleName("PET", ("PT",)),
    RoleName(N_("radiograph"), ("CR", "DX", "RG"), flat=True),
    RoleName(N_("mammogram"), ("MG",), "chest", flat=True),
    RoleName(N_("ultrasound"), ("US",), flat=True),
    RoleName(N_("angiogram"), ("XA",), "vessel", flat=True),
)
"""Every role there is; the words are catalogue keys."""

BY_NAME = {role.name: role for role in ROLES}


def roles_for(modality: str) -> tuple[RoleName, ...]:
    """The roles that a series of a DICOM modality can have."""
    return tuple(role for role in ROLES if modality in role.modalities)


def corrected(stack: Stack, choice: RoleChoice) -> Stack:
    """``stack`` as the reader said; its identity stays, so what was made from it stays its own."""
    return replace(
        stack,
        role=choice.role,
        role_reason=CORRECTED,
        region=choice.region or stack.region,
    )
