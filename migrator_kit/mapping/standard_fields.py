"""Standard fields of the Zoho CRM modules that a mapping can fill.

Lengths are those of a fresh org (fact sheet 2.5, 2.6, 2.8, 8.2); an org's own metadata wins where
it is at hand. Fields that the API ignores on write (fact sheet 2.7) are left out.
"""

from __future__ import annotations

from typing import NamedTuple


class StandardField(NamedTuple):
    """A field that every org has: its type, length, and whether Zoho CRM requires it."""

    data_type: str
    length: int | None = None
    required: bool = False
    label: str = ""


def _fields(text: str) -> dict[str, StandardField]:
    """Read lines of `Api_Name type [length] [!] [= Label]`; `!` marks a required field."""
    found = {}
    for line in text.strip().splitlines():
        declaration, _, label = line.partition("=")
        name, data_type, *rest = declaration.split()
        length = next((int(word) for word in rest if word.isdigit()), None)
        label = label.strip() or name.replace("_", " ")
        found[name] = StandardField(data_type, length, "!" in rest, label)
    return found


STANDARD_FIELDS: dict[str, dict[str, StandardField]] = {
    "Accounts": _fields(
        """
        Owner ownerlookup = Account Owner
        Account_Name text 200 !
        Parent_Account lookup
        Account_Number bigint 18
        Account_Site text 80
        Account_Type picklist
        Industry picklist
        Annual_Revenue currency 16
        Employees integer 9
        Rating picklist
        Ownership picklist
        Phone phone 30
        Fax text 30
        Website website 255
        Billing_Street text 250
        Billing_City text 100
        Billing_State text 100
        Billing_Code text 30
        Billing_Country text 100
        Shipping_Street text 250
        Shipping_City text 100
        Shipping_State text 100
        Shipping_Code text 30
        Shipping_Country text 100
        Description textarea 32000
        """
    ),
    "Contacts": _fields(
        """
        Owner ownerlookup = Contact Owner
        Salutation picklist
        First_Name text 40
        Last_Name text 80 !
        Account_Name lookup
        Email email 100
        Secondary_Email email 100
        Title text 100
        Department text 50
        Phone phone 30
        Home_Phone phone 30
        Other_Phone phone 30
        Mobile phone 30
        Fax text 30
        Assistant text 50
        Asst_Phone phone 30
        Date_of_Birth date
        Reporting_To lookup
        Lead_Source picklist
        Email_Opt_Out boolean
        Skype_ID text 50
        Mailing_Street text 250
        Mailing_City text 100
        Mailing_State text 100
        Mailing_Zip text 30
        Mailing_Country text 100
        Other_Street text 250
        Other_City text 100
        Other_State text 100
        Other_Zip text 30
        Other_Country text 100
        Description textarea 32000
        """
    ),
    "Deals": _fields(
        """
        Owner ownerlookup = Deal Owner
        Deal_Name text 120 !
        Account_Name lookup
        Contact_Name lookup
        Amount currency 16
        Closing_Date date
        Stage picklist !
        Pipeline picklist !
        Type picklist
        Probability integer 9 = Probability (%)
        Next_Step text 100
        Lead_Source picklist
        Reason_For_Loss__s picklist = Reason For Loss
        Description textarea 32000
        """
    ),
    "Tasks": _fields(
        """
        Owner ownerlookup = Task Owner
        Subject text 255 !
        Due_Date date
        Who_Id lookup = Contact Name
        What_Id lookup = Related To
        Status picklist
        Priority picklist
        Description textarea 32000
        """
    ),
    "Events": _fields(
        """
        Owner ownerlookup = Host
        Event_Title text 255 ! = Title
        Venue text 255 = Location
        All_day boolean
        Start_DateTime datetime ! = From
        End_DateTime datetime ! = To
        Who_Id lookup = Contact Name
        What_Id lookup = Related To
        Description textarea 32000
        """
    ),
    "Calls": _fields(
        """
        Owner ownerlookup = Call Owner
        Subject text 255 !
        Call_Type picklist !
        Call_Start_Time datetime !
        Call_Duration text 50 !
        Call_Purpose picklist
        Call_Result picklist
        Call_Agenda text 255
        Who_Id lookup = Contact Name
        What_Id lookup = Related To
        Description textarea 32000
        """
    ),
    "Notes": _fields(
        """
        Owner ownerlookup = Note Owner
        Note_Title text 120
        Note_Content textarea 32000 !
        Parent_Id lookup !
        """
    ),
    "Attachments": _fields(
        """
        file_path text 1000 !
        File_Name text 255 !
        title text 255
        category text 120
        taken_at datetime
        Parent_Id lookup !
        """
    ),
}
"""By module. For attachments: what the loader needs to know of a file, by the name it uses."""
