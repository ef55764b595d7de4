"""Sentences of clinical notes, in the notation dentists type.

`{fdi}` and `{fdi2}` are tooth numbers, `{n}` is a number from 1 to 31, `{mm}` a depth from 2 to 7.
"""

from __future__ import annotations

PHRASES = (
    "#{n} MOD composite, A2, rubber dam.",
    "#{n} MODB amalgam replaced; old margin open",
    "FDI {fdi}: caries distal, ⅔ of the crown lost",
    "{fdi}-{fdi2} bridge recemented, occlusion checked",
    "16-27 provisional, shade A3.5",
    "LA: 1.8 ml articaine 4 % 1:100 000, buccal infiltration {fdi}",
    "Perio chart {fdi}:\t{mm}-3-{mm} mm\tBOP +",
    "Probing depths {mm}/{mm}/4 at {fdi} & {fdi2}; mobility I°",
    "Pt. reports pain on biting < 3 days, cold test +, percussion ++ at {fdi}",
    "BWX 2x, no new lesions. Next exam in 6 mo.",
    "Working length {fdi}: MB 20.5, DB 19½, P 21 mm; file #{n}",
    "Rx: amoxicillin 500 mg 3×/d for 7 days (pt. not allergic)",
    "Consent signed {{see scan}}; copy in C:\\DOCS\\{fdi}",
    "Crown prep {fdi}, temp. cement, lab due in 10 days – shade “B1”",
    "Extraction {fdi}: two roots, suture 4-0, haemostasis ✓",
    "Advised: no smoking 48 h, soft food, 0.12 % CHX b.i.d.",
    "Impl. {fdi}: 4.1 × {n} mm, torque 35 Ncm, ISQ 7{mm}",
    "O.H. fair → instructed again, floss + interdental brush",
    "Tx plan discussed: option A crown, option B onlay (≈ €{n}50 more)",
    "BP 13{mm}/8{mm}, pulse 7{mm}; no change in med. hx",
    "Sealants {fdi},{fdi2}. Child cooperative :-)",
    "ΔX: pulpitis {fdi}. Rec.: RCT, then crown",
    "Ortho: U arch .016 NiTi, rotate {fdi} approx. 15°",
    "Night guard adjusted, no charge",
    "N.V.: {fdi} DO comp, 45 min, Dr. only",
    "Left at 11:{n}, will call re: insurance <prior auth pending>",
    "Zahn {fdi}: Füllung erneuert, Röntgenkontrolle in ½ Jahr",
    "Prothese unten größer unterfüttert, Druckstelle {fdi2} entlastet",
    "Niño nervioso; se aplazó la obturación de {fdi}. ¿Sedación?",
    "Señala dolor en {fdi} al masticar; control en una semana",
    "Καθαρισμός και φθορίωση. Επόμενος έλεγχος σε 6 μήνες.",
    "Απονεύρωση {fdi}, προσωρινή έμφραξη· πόνος κατά τη δήξη",
    "Patient declined X-rays today.",
    "Emergency: lost crown {fdi}, recemented w/ GIC 🦷",
)

# Only letters that Windows-1252 shows when UTF-8 is read by it.
MOJIBAKE_PHRASES = (
    "Füllung größer als geplant – Kontrolle in ½ Jahr",
    "Niño con dolor en 46, ⅔ de la corona",
    "Crown ‘A2’, margin 0.5 mm – café au lait stain",
)
