"""Gold made by hand: where DentneD's columns go in our default Zoho mapping.

Typed child rows (`patientscontacts_value`) have a right target for each type. Of the 32 columns
for single teeth one stands for all. Not judged, since our mapping has no place for them: settings,
passwords, invoices, estimates, price lists, free attributes.
"""

from __future__ import annotations

_TOLD = {
    "patients": {
        "patients_id": "Patient.Source_System_ID__c",
        "patients_name": "Patient.First_Name",
        "patients_surname": "Patient.Last_Name",
        "patients_sex": "Patient.Sex__c",
        "patients_birthdate": "Patient.Date_of_Birth",
        "patients_notes": "Patient.Description Patient.Medical_Alerts__c",
        "patients_isarchived": "Patient.Patient_Status__c",
    },
    "patientsaddresses": {
        "patientsaddresses_state": "Patient.Mailing_State",
        "patientsaddresses_city": "Patient.Mailing_City",
        "patientsaddresses_zipcode": "Patient.Mailing_Zip",
        "patientsaddresses_street": "Patient.Mailing_Street",
    },
    "patientscontacts": {
        "patientscontacts_value": "Patient.Mobile Patient.Home_Phone Patient.Phone Patient.Email",
    },
    "patientsmedicalrecords": {
        "patientsmedicalrecords_value": "Patient.Medical_Alerts__c Clinical_Note.Note_Content",
        "patientsmedicalrecords_note": "Patient.Medical_Alerts__c Clinical_Note.Note_Content",
    },
    "patientsnotes": {
        "patients_id": "Clinical_Note.Parent_Id",
        "patientsnotes_date": "Clinical_Note.Note_Content",
        "patientsnotes_text": "Clinical_Note.Note_Content",
    },
    "patientsattachments": {
        "patients_id": "Attachment.Parent_Id",
        "patientsattachmentstypes_id": "Attachment.category",
        "patientsattachments_value": "Attachment.title",
        "patientsattachments_note": "Attachment.title",
        "patientsattachments_date": "Attachment.taken_at",
        "patientsattachments_filename": "Attachment.file_path",
    },
    "appointments": {
        "appointments_id": "Appointment.Source_Task_ID__c",
        "doctors_id": "Appointment.Owner",
        "patients_id": "Appointment.Who_Id",
        "rooms_id": "Appointment.Chair__c",
        "appointments_from": "Appointment.Due_Date Appointment.Appointment_Time__c",
        "appointments_to": "Appointment.Duration_Minutes__c",
        "appointments_title": "Appointment.Subject",
        "appointments_notes": "Appointment.Description",
    },
    "rooms": {"rooms_name": "Appointment.Chair__c"},
    "patientstreatments": {
        "patientstreatments_id": "Treatment_Plan.Treatment_Plan_ID__c",
        "doctors_id": "Treatment_Plan.Owner",
        "patients_id": "Treatment_Plan.Contact_Name",
        "treatments_id": "Treatment_Plan.Procedure_Codes__c Treatment_Plan.Deal_Name",
        "patientstreatments_creationdate":
            "Treatment_Plan.Proposed_On__c Treatment_Plan.Source_Created_Time__c",
        "patientstreatments_fulfilldate": "Treatment_Plan.Completed_On__c",
        "patientstreatments_expirationdate": "Treatment_Plan.Closing_Date",
        "patientstreatments_price": "Treatment_Plan.Amount",
        "patientstreatments_description": "Treatment_Plan.Deal_Name Treatment_Plan.Description",
        "patientstreatments_notes": "Treatment_Plan.Description",
        "patientstreatments_t11": "Treatment_Plan.Teeth__c",
    },
    "treatments": {
        "treatments_code": "Treatment_Plan.Procedure_Codes__c",
        "treatments_name": "Treatment_Plan.Deal_Name",
    },
}  # fmt: skip

DENTNED: tuple[tuple[str, str, str, str], ...] = tuple(
    (table, column, target.split(".")[0].replace("_", " "), target.split(".")[1])
    for table, columns in _TOLD.items()
    for column, targets in columns.items()
    for target in targets.split()
)
