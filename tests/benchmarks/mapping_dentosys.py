"""Gold made by hand: where DentoSys's columns go in our default Zoho mapping.

It was written down before the matcher was ever run on this schema, and nothing was tuned on it.
Not judged, since our mapping has no place for them: users and roles, invoices and payments,
prescriptions, feedback, tickets, message templates, settings, the audit log.
"""

from __future__ import annotations

_TOLD = {
    "Patient": {
        "patient_id": "Patient.Source_System_ID__c",
        "first_name": "Patient.First_Name",
        "last_name": "Patient.Last_Name",
        "dob": "Patient.Date_of_Birth",
        "email": "Patient.Email",
        "phone": "Patient.Phone Patient.Mobile Patient.Home_Phone",
        "address": "Patient.Mailing_Street",
        "created_at": "Patient.Source_Created_Time__c",
    },
    "Appointment": {
        "appointment_id": "Appointment.Source_Task_ID__c",
        "patient_id": "Appointment.Who_Id",
        "dentist_id": "Appointment.Owner",
        "appointment_dt": "Appointment.Due_Date Appointment.Appointment_Time__c",
        "status": "Appointment.Status",
        "notes": "Appointment.Description",
    },
    "Treatment": {
        "treatment_id": "Treatment_Plan.Treatment_Plan_ID__c",
        "type": "Treatment_Plan.Deal_Name Treatment_Plan.Procedure_Codes__c",
        "description": "Treatment_Plan.Description Treatment_Plan.Deal_Name",
        "cost": "Treatment_Plan.Amount",
    },
    "FileUploads": {
        "patient_id": "Attachment.Parent_Id",
        "filename": "Attachment.file_path Attachment.title",
        "stored_path": "Attachment.file_path",
        "uploaded_at": "Attachment.taken_at",
    },
    "InsuranceClaims": {
        "insurance_provider": "Insurance.Insurance_Carrier__c",
        "policy_number": "Insurance.Insurance_Member_ID__c",
    },
}

DENTOSYS: tuple[tuple[str, str, str, str], ...] = tuple(
    (table, column, target.split(".")[0].replace("_", " "), target.split(".")[1])
    for table, columns in _TOLD.items()
    for column, targets in columns.items()
    for target in targets.split()
)
