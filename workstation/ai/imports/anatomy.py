"""Names and SNOMED CT codes of the structures that TotalSegmentator names (DICOM PS3.16 codes).

A class map names a side by ``_left`` and ``_right``; the code is that of the structure, the side
stays in the name. What is not listed keeps the site's own code.
"""

from __future__ import annotations

from workstation.ai.imports.taken import LabelAnswer
from workstation.ai.manifest import Area, Coded, Words

_STRUCTURE = Coded(value="91723000", scheme="SCT", meaning="Anatomical Structure")
_SIDES = {"_left": ("left ", "左"), "_right": ("right ", "右")}

# Name in the class map: SNOMED CT code, meaning in DICOM, Chinese, area.
STRUCTURES: dict[str, tuple[str, str, str, Area]] = {
    "spleen": ("78961009", "Spleen", "脾脏", "abdomen"),
    "kidney": ("64033007", "Kidney", "肾", "abdomen"),
    "gallbladder": ("28231008", "Gallbladder", "胆囊", "abdomen"),
    "liver": ("10200004", "Liver", "肝脏", "abdomen"),
    "stomach": ("69695003", "Stomach", "胃", "abdomen"),
    "pancreas": ("15776009", "Pancreas", "胰腺", "abdomen"),
    "adrenal_gland": ("23451007", "Adrenal gland", "肾上腺", "abdomen"),
    "small_bowel": ("30315005", "Small intestine", "小肠", "abdomen"),
    "duodenum": ("38848004", "Duodenum", "十二指肠", "abdomen"),
    "colon": ("71854001", "Colon", "结肠", "abdomen"),
    "urinary_bladder": ("89837001", "Bladder", "膀胱", "abdomen"),
    "prostate": ("41216001", "Prostate", "前列腺", "abdomen"),
    "lung_upper_lobe": ("45653009", "Upper lobe of lung", "肺上叶", "chest"),
    "lung_middle_lobe": ("72481006", "Middle lobe of right lung", "肺中叶", "chest"),
    "esophagus": ("32849002", "Esophagus", "食管", "chest"),
    "trachea": ("44567001", "Trachea", "气管", "chest"),
    "thyroid_gland": ("69748006", "Thyroid", "甲状腺", "other"),
    "heart": ("80891009", "Heart", "心脏", "heart"),
    "aorta": ("15825003", "Aorta", "主动脉", "vessel"),
    "pulmonary_vein": ("122972007", "Pulmonary vein", "肺静脉", "vessel"),
    "brachiocephalic_trunk": ("12691009", "Innominate artery", "头臂干", "vessel"),
    "brachiocephalic_vein": ("8887007", "Innominate vein", "头臂静脉", "vessel"),
    "subclavian_artery": ("36765005", "Subclavian artery", "锁骨下动脉", "vessel"),
    "common_carotid_artery": ("32062004", "Common carotid artery", "颈总动脉", "vessel"),
    "superior_vena_cava": ("48345005", "Superior vena cava", "上腔静脉", "vessel"),
    "inferior_vena_cava": ("64131007", "Inferior vena cava", "下腔静脉", "vessel"),
    "iliac_artery": ("10293006", "Iliac artery", "髂动脉", "vessel"),
    "iliac_vena": ("244411005", "Iliac vein", "髂静脉", "vessel"),
    "brain": ("12738006", "Brain", "脑", "brain"),
    "spinal_cord": ("2748008", "Spinal cord", "脊髓", "other"),
    "skull": ("89546000", "Skull", "颅骨", "other"),
    "sacrum": ("54735007", "Sacrum", "骶骨", "other"),
    "hip": ("29836001", "Hip", "髋骨", "other"),
    "humerus": ("85050009", "Humerus", "肱骨", "other"),
    "scapula": ("79601000", "Scapula", "肩胛骨", "other"),
    "clavicula": ("51299004", "Clavicle", "锁骨", "other"),
    "femur": ("71341001", "Femur", "股骨", "other"),
    "sternum": ("56873002", "Sternum", "胸骨", "other"),
}


def suggestion(name: str) -> LabelAnswer | None:
    """What a class name of TotalSegmentator means; None where it is not in the table."""
    base, side = name, ("", "")
    for ending, told in _SIDES.items():
        if name.endswith(ending):
            base, side = name.removesuffix(ending), told
    found = STRUCTURES.get(base)
    if found is None:
        return None
    value, meaning, chinese, area = found
    words = Words(en=f"{side[0]}{base.replace('_', ' ')}", zh=f"{side[1]}{chinese}")
    return LabelAnswer(
        name=words,
        code=Coded(value=value, scheme="SCT", meaning=meaning),
        category=_STRUCTURE,
        site=words,
        area=area,
    )
