"""The words of a dental practice that the tables are filled with."""

from __future__ import annotations

UNKNOWN_PATIENT_STATUS = ("TRANSFERRED", "9", "on hold", "?")
UNKNOWN_PLAN_STATUS = ("draft", "phase 2", "8")
UNKNOWN_APPOINTMENT_STATUS = ("ASAP", "unscheduled", "broken", "6")
UNKNOWN_CALL_OUTCOME = ("LM", "7", "busy")
UNKNOWN_RELATIONSHIP = ("7", "life partner")

LOYALTY_GROUPS: dict[object, float] = {None: 0.7, "Silver": 0.18, "Gold": 0.1, "Platinum": 0.02}

ALERTS = (
    "Allergy: penicillin",
    "Allergy: latex",
    "Allergy: local anaesthetic (mepivacaine)",
    "Allergy: ibuprofen, rash",
    "Warfarin, INR to be checked before extractions",
    "Apixaban 5 mg",
    "Bisphosphonates since 2016",
    "Diabetes type 2, HbA1c 7.4 %",
    "Diabetes type 1",
    "Pacemaker: no ultrasonic scaler",
    "Artificial heart valve: antibiotic cover",
    "Asthma, brings own inhaler",
    "High blood pressure",
    "Pregnant",
    "Hepatitis C (treated)",
    "Epilepsy",
    "Dental anxiety, sedation discussed",
    "Low epinephrine",
    "Knee replacement 2019",
    "Hearing aid, speak slowly",
)

REFERRERS = (
    *("Google", "Website", "Walk-in", "Insurance list", "Family", "Friend", "Facebook"),
    *("Dr. Whitlock (orthodontist)", "Harbor Medical Center", "School screening", "Ημερησία"),
)

CARRIERS = (
    *("Keystone Dental Mutual", "Harbor Smile Plan", "Northeast Benefit Trust"),
    *("Union Local 41 Welfare Fund", "Meridian Dental Health", "Pinecrest Insurance Company"),
    *("Blue Heron Dental", "Atlantic Employers Group", "StateCare Medicaid Dental"),
    *("Summit & Daughters Assurance", "Evergreen PPO", "Liberty Oak Dental"),
)

# code, title, typical fee, teeth it is done on (0 none, 1 one, 2 several)
PROCEDURES = (
    ("EXAM", "Comprehensive exam and X-rays", 180, 0),
    ("PROPHY", "Cleaning and fluoride", 140, 0),
    ("FILL", "Composite filling", 230, 1),
    ("FILL", "Fillings, several", 620, 2),
    ("ENDO", "Root canal treatment", 1_150, 1),
    ("CROWN", "Zirconia crown", 1_350, 1),
    ("BRIDGE", "Bridge", 3_600, 2),
    ("IMPL", "Implant and crown", 4_300, 1),
    ("EXT", "Extraction of wisdom teeth", 780, 2),
    ("PERIO", "Deep cleaning, four quadrants", 940, 0),
    ("DENT", "Partial denture", 1_900, 2),
    ("ORTHO", "Clear aligners", 5_200, 0),
    ("WHITE", "Whitening", 390, 0),
    ("GUARD", "Night guard", 450, 0),
)

TEETH = tuple(f"{quadrant}{tooth}" for quadrant in range(1, 5) for tooth in range(1, 9))
MILK_TEETH = tuple(f"{quadrant}{tooth}" for quadrant in range(5, 9) for tooth in range(1, 6))
OTHER_NOTATION = ("#14", "#3, #30", "A", "K,T", "UL6", "LR8", "16-27", "upper front", "14 MOD")

FINANCE_CODES: dict[object, float] = {
    None: 0.55, "F00": 0.2, "F12": 0.12, "F24": 0.08, "CASH5": 0.05,
}  # fmt: skip

REMARKS = (
    "Patient wants to think about it.",
    "Sent estimate by post.",
    "Pre-authorisation requested.\nWaiting for carrier.",
    "Start after holidays",
    "Split in two visits; first upper, then lower.",
    "Family discount agreed with Dr.",
    "Second opinion sought",
    "Needs Saturday",
)

REASONS = (
    *("Check-up", "Cleaning", "Exam + BWX", "Filling", "Crown prep", "Crown seat", "Root canal"),
    *("Extraction", "Post-op check", "Emergency: pain", "Emergency: lost filling", "Consultation"),
    *("Perio maintenance", "Implant stage 1", "Implant stage 2", "Aligner check", "New patient"),
    *("Denture try-in", "Adjust night guard", "Child exam & fluoride"),
)
BLOCKED_TIME = ("Lunch", "Staff meeting", "BLOCKED", "Lab day", "Equipment service")

CHAIRS: dict[object, float] = {
    "Chair 1": 0.34, "Chair 2": 0.3, "Chair 3": 0.16, "HYG 1": 0.16, "": 0.01, None: 0.03,
}  # fmt: skip

CALL_SUMMARIES = (
    "Confirmed the appointment.",
    "Left a message, asked to call back.",
    "Wants to move the appointment to next week.",
    "Asked about the bill; explained the deductible.",
    "Pain since last night, offered the first slot tomorrow.",
    "Reminder call",
    "Recall due, no answer.",
    "Number not in service.",
    "Cancelled: sick child.\r\nWill call again.",
    "Mother called for her son, needs a school form",
    "Insurance changed, will e-mail the new card.",
    "Asked for X-rays to be sent to the orthodontist",
    "Ρώτησε για το ραντεβού της Πέμπτης.",
    "Pregunta por el presupuesto del implante.",
    None,
)

# category: share, file extension, folder, titles
DOCUMENTS: dict[str, tuple[float, str, str, tuple[str, ...]]] = {
    "xray": (0.38, "jpg", "IMG", ("Bitewing left", "Bitewing right", "Periapical", "Panoramic")),
    "photo": (0.2, "png", "IMG", ("Front", "Upper arch", "Lower arch", "Smile, before")),
    "letter": (0.14, "pdf", "LETTERS", ("Referral letter", "Letter to carrier", "Report")),
    "consent": (0.12, "pdf", "FORMS", ("Consent to treatment", "Privacy notice, signed")),
    "invoice": (0.1, "pdf", "INVOICES", ("Invoice", "Statement")),
    "dicom": (0.06, "dcm", "DICOM", ("CBCT slice", "Sensor image")),
}
UNUSUAL_NAMES = (
    "Überweisung Größmann {id}",
    "Ακτινογραφία {id}",
    "radiografía niño {id}",
    "left side (copy) {id}",
    "before & after #2 {id}",
    "Scan.{id}.final",
)
