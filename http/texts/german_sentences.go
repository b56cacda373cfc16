package texts

// germanSentences are the sentences of refusals, by the English that stands in the code. Parameters may come in another order:
// %[2]d is the second.
var germanSentences = map[string]string{
	// Any object.
	"There is no such object.":                                            "Dieses Objekt gibt es nicht.",
	"Your role does not allow this action.":                               "Ihre Rolle erlaubt diese Aktion nicht.",
	"The request is not valid.":                                           "Die Anfrage ist nicht gültig.",
	"An object with this id exists already.":                              "Ein Objekt mit dieser Kennung gibt es bereits.",
	"The object has changed since you read it. Read it again and repeat.": "Das Objekt wurde geändert, seit Sie es gelesen haben. Lesen Sie es erneut und wiederholen Sie die Änderung.",
	"This Idempotency-Key was used with another request.":                 "Dieser Idempotency-Key wurde schon mit einer anderen Anfrage verwendet.",
	"The event store can't be reached right now. Nothing was changed as far as is known; repeat with the same Idempotency-Key.": "Der Ereignisspeicher ist gerade nicht erreichbar. Soweit bekannt, wurde nichts geändert; wiederholen Sie die Anfrage mit demselben Idempotency-Key.",
	"Too many changes at once. Repeat with the same Idempotency-Key.":                                                           "Zu viele gleichzeitige Änderungen. Wiederholen Sie die Anfrage mit demselben Idempotency-Key.",
	"The cursor does not belong to this list with these filters. Start again without a cursor.":                                 "Der Cursor gehört nicht zu dieser Liste mit diesen Filtern. Beginnen Sie ohne Cursor von vorn.",

	// Texts and ids.
	"This must not be empty and may have at most %d characters.":              "Dieses Feld darf nicht leer sein und höchstens %d Zeichen haben.",
	"This must be UTF-8 text of at most %d characters.":                       "Hier wird UTF-8-Text mit höchstens %d Zeichen erwartet.",
	"This has %d characters; %d are allowed.":                                 "Der Text hat %d Zeichen; erlaubt sind %d.",
	"This must not contain control or formatting characters.":                 "Steuer- und Formatierungszeichen sind hier nicht erlaubt.",
	"This must be UTF-8 text of at most %d bytes without control characters.": "Hier wird UTF-8-Text mit höchstens %d Bytes und ohne Steuerzeichen erwartet.",
	"This is not an id.":            "Das ist keine Kennung.",
	"An id has 1 to %d characters.": "Eine Kennung hat 1 bis %d Zeichen.",

	// Licenses.
	"The license has expired. Renew it, then repeat the action.":                              "Die Lizenz ist abgelaufen. Verlängern Sie sie und wiederholen Sie dann die Aktion.",
	"The license already holds as long or longer.":                                            "Die Lizenz gilt bereits so lange oder länger.",
	"More seats than that are in use.":                                                        "Es sind mehr Plätze belegt.",
	"Every seat of the license is in use. Remove a device or add seats.":                      "Alle Plätze der Lizenz sind belegt. Entfernen Sie ein Gerät oder erweitern Sie die Lizenz.",
	"An MSP license has no term.":                                                             "Eine MSP-Lizenz hat keine Laufzeit.",
	"A purchased license needs an end.":                                                       "Eine gekaufte Lizenz braucht ein Ende.",
	"The TID belongs to another license.":                                                     "Die TID gehört zu einer anderen Lizenz.",
	"There is a license with this id that belongs to another customer or is of another kind.": "Es gibt bereits eine Lizenz mit dieser Kennung, die einem anderen Kunden gehört oder von anderer Art ist.",
	`The kinds of licenses are "purchase" and "msp".`:                                         `Lizenzen sind von der Art "purchase" oder "msp".`,
	"A license needs a beginning.":                                                            "Eine Lizenz braucht einen Beginn.",
	"The end must be after the beginning.":                                                    "Das Ende muss nach dem Beginn liegen.",
	"The terms are 1, 2, 3 and 5 years.":                                                      "Die Laufzeiten sind 1, 2, 3 und 5 Jahre.",
	"The seats must be between %d and %d.":                                                    "Die Anzahl der Plätze muss zwischen %d und %d liegen.",
	"%d seats are in use. Remove devices before you set the license to %d.":                   "%d Plätze sind belegt. Entfernen Sie Geräte, bevor Sie die Lizenz auf %d setzen.",
	"The group belongs to another license.":                                                   "Die Gruppe gehört zu einer anderen Lizenz.",
	"The license belongs to another customer.":                                                "Die Lizenz gehört einem anderen Kunden.",
	"This is not a TID. Check it for typing errors.":                                          "Das ist keine TID. Prüfen Sie sie auf Tippfehler.",
	"No license has this TID. Copy it again from the license.":                                "Keine Lizenz hat diese TID. Kopieren Sie sie noch einmal aus der Lizenz.",

	// Customers and resellers.
	"There is a customer with this id and another number.":               "Es gibt bereits einen Kunden mit dieser Kennung und einer anderen Nummer.",
	"There is no such customer.":                                         "Diesen Kunden gibt es nicht.",
	"A tenant is a UUID without dashes, in lower case.":                  "Ein Mandant ist eine UUID ohne Bindestriche in Kleinbuchstaben.",
	`The languages are "de" and "en".`:                                   `Die Sprachen sind "de" und "en".`,
	"%s must be between %d and %d; it is %d.":                            "%s muss zwischen %d und %d liegen; angegeben ist %d.",
	"signature_outdated_days must be more than signature_warning_days.":  "signature_outdated_days muss größer sein als signature_warning_days.",
	"signature_critical_days must be more than signature_outdated_days.": "signature_critical_days muss größer sein als signature_outdated_days.",
	"silent_days must be longer than offline_minutes.":                   "silent_days muss länger sein als offline_minutes.",
	"stale_days must be more than silent_days.":                          "stale_days muss größer sein als silent_days.",

	// People.
	"Another user of this organization has this e-mail address.":                                                          "Ein anderer Benutzer dieser Organisation hat diese E-Mail-Adresse.",
	"Somebody is giving this address to a user just now. Repeat in a minute.":                                             "Diese Adresse wird gerade einem Benutzer gegeben. Wiederholen Sie die Anfrage in einer Minute.",
	"Users can't be ordered by that.":                                                                                     "Danach lassen sich Benutzer nicht ordnen.",
	"A token has no profile; only people do.":                                                                             "Ein Token hat kein Profil; nur Personen haben eines.",
	"This user is deactivated. Reactivate him first.":                                                                     "Dieser Benutzer ist deaktiviert. Reaktivieren Sie ihn zuerst.",
	"You can't give or take a role that goes beyond your own.":                                                            "Sie können keine Rolle vergeben oder entziehen, die über Ihre eigene hinausgeht.",
	"This role does not go with the organization: customers' people have a customer's role, the reseller's a reseller's.": "Diese Rolle passt nicht zur Organisation: Benutzer von Kunden haben Kundenrollen, die des Resellers Resellerrollen.",
	"The invitation has been accepted already.":                                                                           "Die Einladung wurde bereits angenommen.",
	"This invitation is not valid any more. Ask for a new one.":                                                           "Diese Einladung gilt nicht mehr. Bitten Sie um eine neue.",
	"Since the user has accepted the invitation, only he can change his e-mail address.":                                  "Seit der Benutzer die Einladung angenommen hat, kann nur er seine E-Mail-Adresse ändern.",
	"A salutation is mr or mrs, or none.":                                                                                 "Eine Anrede ist mr oder mrs, oder keine.",
	"There is no such table.":                                                                                             "Diese Tabelle gibt es nicht.",
	"At most %d columns are possible.":                                                                                    "Höchstens %d Spalten sind möglich.",
	"This column is there twice.":                                                                                         "Diese Spalte ist zweimal da.",
	"This is the reseller's last administrator. Make somebody else one first.":                                            "Das ist der letzte Administrator des Resellers. Machen Sie zuerst jemand anderen dazu.",
	"A token holds for 1 to %d days.":                                                                                     "Ein Token gilt 1 bis %d Tage.",

	// Signing in and the Reseller Portal.
	"Sign in, or send a valid token: Authorization: Bearer avp_...":                          "Melden Sie sich an oder senden Sie ein gültiges Token: Authorization: Bearer avp_...",
	"This is for people who are signed in; the request came with a token.":                   "Das ist für angemeldete Personen; die Anfrage kam mit einem Token.",
	"You have no access to this portal any more. Ask an administrator of your company.":      "Sie haben keinen Zugang zu diesem Portal mehr. Wenden Sie sich an einen Administrator Ihres Unternehmens.",
	"No Reseller Portal is configured.":                                                      "Es ist kein Reseller-Portal eingerichtet.",
	"The Reseller Portal has not been authorized, or no longer is. Sign in through it once.": "Das Reseller-Portal ist nicht oder nicht mehr freigegeben. Melden Sie sich einmal darüber an.",
	"The Reseller Portal does not list this license.":                                        "Das Reseller-Portal führt diese Lizenz nicht.",
	"The Reseller Portal can't be reached right now. Repeat in a moment.":                    "Das Reseller-Portal ist gerade nicht erreichbar. Wiederholen Sie die Anfrage gleich noch einmal.",
	"A synchronization is under way already.":                                                "Ein Abgleich läuft bereits.",

	// Groups.
	"There is no such group in the tree of this license.":                                      "Diese Gruppe gibt es im Baum dieser Lizenz nicht.",
	"A group beside it already has this name.":                                                 "Eine Gruppe daneben hat bereits diesen Namen.",
	"A group there already has this name. Rename one of them first.":                           "Dort hat bereits eine Gruppe diesen Namen. Benennen Sie zuerst eine der beiden um.",
	"The main group belongs to its license: it can be renamed, but neither moved nor deleted.": "Die Hauptgruppe gehört zu ihrer Lizenz: Sie können sie umbenennen, aber weder verschieben noch löschen.",
	"Groups can be nested %d levels deep, the main group being the first.":                     "Gruppen können %d Ebenen tief verschachtelt werden; die Hauptgruppe ist die erste.",
	"A license can have %d groups.":                                                            "Eine Lizenz kann %d Gruppen haben.",
	"The group still holds devices or subgroups. Move them elsewhere first.":                   "Die Gruppe enthält noch Geräte oder Untergruppen. Verschieben Sie diese zuerst.",
	"A group can't be moved below itself.":                                                     "Eine Gruppe kann nicht unter sich selbst verschoben werden.",
	"The device stands in another group of this license. Move it instead.":                     "Das Gerät steht in einer anderen Gruppe dieser Lizenz. Verschieben Sie es stattdessen.",
	"This is not an id of a group of the license.":                                             "Das ist keine Kennung einer Gruppe dieser Lizenz.",
	"This is not the id of a group.":                                                           "Das ist keine Kennung einer Gruppe.",

	// Devices.
	"The device has been removed. Install the client again to enroll it anew.":        "Das Gerät wurde entfernt. Installieren Sie den Client erneut, um es wieder anzumelden.",
	"The device is enrolled with another GUID or license.":                            "Das Gerät ist mit einer anderen GUID oder Lizenz angemeldet.",
	"The device already has the request; it can't be cancelled any more.":             "Das Gerät hat den Auftrag bereits erhalten; er kann nicht mehr abgebrochen werden.",
	"The device has no such request.":                                                 "Das Gerät hat keinen solchen Auftrag.",
	"The request has been completed or aborted already.":                              "Der Auftrag ist bereits abgeschlossen oder abgebrochen.",
	"The request has expired.":                                                        "Der Auftrag ist verfallen.",
	"The device has 20 unfinished requests. Wait, or cancel some.":                    "Das Gerät hat 20 offene Aufträge. Warten Sie, oder brechen Sie einige ab.",
	`Paths go with the profile "path" only.`:                                          `Pfade gehören nur zum Profil "path".`,
	"A scan of paths needs 1 to %d of them.":                                          "Eine Prüfung von Pfaden braucht 1 bis %d Pfade.",
	`The scan profiles are "quick", "system", "full", "removable", "path" and "own".`: `Die Prüfprofile sind "quick", "system", "full", "removable", "path" und "own".`,
	"A path must not be empty.":                                                       "Ein Pfad darf nicht leer sein.",

	// Jobs.
	"A job has 1 to %d items; these are %d.":  "Ein Vorgang hat 1 bis %d Einträge; das sind %d.",
	"This item is given twice.":               "Dieser Eintrag steht zweimal da.",
	"There is no such action.":                "Diese Aktion gibt es nicht.",
	"At most %d results can be told at once.": "Höchstens %d Ergebnisse können auf einmal gemeldet werden.",
	"The job has no such item.":               "Der Vorgang hat keinen solchen Eintrag.",

	// Configuration profiles.
	"A name goes with an own scan profile, and only with one.":                                                    "Ein Name gehört zu einem eigenen Prüfprofil, und nur zu einem solchen.",
	"An own scan names its scan profile, and no paths.":                                                           "Eine eigene Prüfung nennt ihr Prüfprofil und keine Pfade.",
	"An own scan names its scan profile.":                                                                         "Eine eigene Prüfung nennt ihr Prüfprofil.",
	"Editions count from 1.":                                                                                      "Fassungen zählen ab 1.",
	"Only a job that has moved devices, and has ended, can be undone.":                                            "Nur ein beendeter Vorgang, der Geräte verschoben hat, kann rückgängig gemacht werden.",
	"Profiles can't be ordered by that.":                                                                          "Danach können Profile nicht geordnet werden.",
	"Somebody else has chosen another profile for the group. Look again and repeat.":                              "Jemand anderes hat ein anderes Profil für die Gruppe gewählt. Sehen Sie nach und wiederholen Sie es.",
	"Somebody has moved the device since. It stays where it is.":                                                  "Jemand hat das Gerät seither verschoben. Es bleibt, wo es ist.",
	"The configuration profile of the device's group has no such scan profile.":                                   "Das Konfigurationsprofil der Gruppe des Geräts hat kein solches Prüfprofil.",
	"The default profile has been made, or declined, before. Create profiles and choose them for groups by hand.": "Das Standardprofil wurde bereits angelegt oder abgelehnt. Legen Sie Profile an und wählen Sie sie von Hand für Gruppen.",
	"The group uses no configuration profile. Choose one for it first.":                                           "Die Gruppe verwendet kein Konfigurationsprofil. Wählen Sie zuerst eines für sie.",
	"The job has moved no device.":                                                                                "Der Vorgang hat kein Gerät verschoben.",
	"The profile does not know of the group yet.":                                                                 "Das Profil weiß noch nichts von der Gruppe.",
	"The profile has no such edition.":                                                                            "Diese Fassung hat das Profil nicht.",
	"The reseller has chosen a profile of its own for this group. Only the reseller can change that.":             "Der Reseller hat für diese Gruppe ein eigenes Profil gewählt. Nur der Reseller kann das ändern.",
	"There is no device that the profile could be sent to.":                                                       "Es gibt kein Gerät, an das das Profil übertragen werden könnte.",
	"There is no such profile.":                                                                                   "Dieses Profil gibt es nicht.",
	"This names no edition of a profile.":                                                                         "Das nennt keine Fassung eines Profils.",
	"A monthly scan needs a day of the month, 1 to 31.":                                                           "Eine monatliche Prüfung braucht einen Tag des Monats, 1 bis 31.",
	"A password needs a user.":                                                                                    "Zu einem Passwort gehört ein Benutzer.",
	"A port is a number from 1 to 65535.":                                                                         "Ein Port ist eine Zahl von 1 bis 65535.",
	"A proxy needs a host.":                                                                                       "Ein Proxy braucht einen Host.",
	"A recipient needs at least one kind of notification.":                                                        "Ein Empfänger braucht mindestens eine Art von Benachrichtigung.",
	"A scan needs at least one path.":                                                                             "Eine Prüfung braucht mindestens einen Pfad.",
	`A scan runs "daily", "weekly" or "monthly".`:                                                                 `Eine Prüfung läuft "daily", "weekly" oder "monthly".`,
	`A weekly scan needs a day of the week, such as "monday".`:                                                    `Eine wöchentliche Prüfung braucht einen Wochentag, etwa "monday".`,
	"Another recipient has this address.":                                                                         "Ein anderer Empfänger hat diese Adresse.",
	"Another scan profile has this id.":                                                                           "Ein anderes Prüfprofil hat diese Kennung.",
	"Another scan profile has this name.":                                                                         "Ein anderes Prüfprofil hat diesen Namen.",
	"Groups of other customers use this profile. Unlink them first.":                                              "Gruppen anderer Kunden verwenden dieses Profil. Lösen Sie diese Verknüpfungen zuerst.",
	"Groups use this profile. Choose another one for them first.":                                                 "Gruppen verwenden dieses Profil. Wählen Sie zuerst ein anderes für sie.",
	`Notifications are delivered "instant" or "daily".`:                                                           `Benachrichtigungen werden "instant" oder "daily" zugestellt.`,
	"Only a monthly scan has a day of the month.":                                                                 "Nur eine monatliche Prüfung hat einen Tag des Monats.",
	"Only a weekly scan has a day of the week.":                                                                   "Nur eine wöchentliche Prüfung hat einen Wochentag.",
	`The client reports at the "start" or the "end" of a mail, or not at all: "none".`:                            `Der Client berichtet am Anfang ("start") oder am Ende ("end") einer Mail oder gar nicht: "none".`,
	"The profile belongs to another customer than the group.":                                                     "Das Profil gehört einem anderen Kunden als die Gruppe.",
	"The profile has been deleted.":                                                                               "Das Profil wurde gelöscht.",
	"The settings take %d bytes; %d are allowed.":                                                                 "Die Einstellungen belegen %d Bytes; erlaubt sind %d.",
	`The time is that of a clock, "00:00" to "23:59".`:                                                            `Die Uhrzeit liegt zwischen "00:00" und "23:59".`,
	"There is no such kind of notification.":                                                                      "Diese Art von Benachrichtigung gibt es nicht.",
	"There is no such scan profile.":                                                                              "Dieses Prüfprofil gibt es nicht.",
	"There may be %d of these; there are %d.":                                                                     "Höchstens %d Einträge sind erlaubt; angegeben sind %d.",
	"This excludes a whole drive. Name a folder or a file.":                                                       "Das schließt ein ganzes Laufwerk aus. Geben Sie einen Ordner oder eine Datei an.",
	"This is a number of megabytes, 0 to %d.":                                                                     "Das ist eine Anzahl von Megabytes, 0 bis %d.",
	"This is given twice.":                                                                                        "Diese Angabe steht zweimal da.",
	"This is not an e-mail address.":                                                                              "Das ist keine E-Mail-Adresse.",
	"This is not the id of a secret.":                                                                             "Das ist keine Kennung eines Geheimnisses.",
	"This is the id of a scan that every client has.":                                                             "Das ist die Kennung einer Prüfung, die jeder Client hat.",
	"This is the name or address of a host, without scheme and path.":                                             "Erwartet wird der Name oder die Adresse eines Hosts, ohne Schema und Pfad.",
	"This must not be empty.":                                                                                     "Diese Angabe darf nicht leer sein.",

	// Who runs the installation.
	"Say why the event is left out.":                        "Geben Sie an, warum das Ereignis ausgelassen wird.",
	"A quarantine names a view, an event and its position.": "Eine Quarantäne nennt eine Sicht, ein Ereignis und dessen Position.",

	// Lists.
	"Licenses can't be ordered by that.":  "Lizenzen lassen sich danach nicht ordnen.",
	"Customers can't be ordered by that.": "Kunden lassen sich danach nicht ordnen.",
	"Devices can't be ordered by that.":   "Geräte lassen sich danach nicht ordnen.",

	// The API.
	"There is no such address.":                                                 "Diese Adresse gibt es nicht.",
	"This address does not know this method.":                                   "Diese Adresse kennt diese Methode nicht.",
	"The body is larger than 1 MiB.":                                            "Der Inhalt ist größer als 1 MiB.",
	"The body must be application/json.":                                        "Der Inhalt muss application/json sein.",
	"Too many requests. Wait a moment.":                                         "Zu viele Anfragen. Warten Sie einen Augenblick.",
	"Too many event streams are open with this token.":                          "Mit diesem Token sind zu viele Ereignisströme offen.",
	"A page of another origin may not do this.":                                 "Eine Seite anderer Herkunft darf das nicht.",
	"The lists have not caught up with this change yet.":                        "Die Listen enthalten diese Änderung noch nicht.",
	"The lists are being built for the first time. Repeat in a moment.":         "Die Listen werden zum ersten Mal aufgebaut. Wiederholen Sie die Anfrage gleich.",
	"The database can't be reached right now. Repeat in a moment.":              "Die Datenbank ist gerade nicht erreichbar. Wiederholen Sie die Anfrage gleich.",
	"Something went wrong. The request id names it in the portal's log.":        "Etwas ist schiefgegangen. Die Kennung der Anfrage bezeichnet es im Protokoll des Portals.",
	"This address is for callers who belong to a reseller.":                     "Diese Adresse ist für Aufrufer, die zu einem Reseller gehören.",
	"This Idempotency-Key has made a token already. Its secret was shown then.": "Mit diesem Idempotency-Key wurde bereits ein Token erzeugt. Das Geheimnis wurde damals angezeigt.",
	"A token holds for 1 to 365 days.":                                          "Ein Token gilt 1 bis 365 Tage.",
	"This role needs a customer.":                                               "Diese Rolle braucht einen Kunden.",

	// Faults of a request.
	"This is not a revision.":                   "Das ist keine Revision.",
	"This is not a position.":                   "Das ist keine Position.",
	"A value has the wrong form.":               "Ein Wert hat die falsche Form.",
	"The body could not be read.":               "Der Inhalt konnte nicht gelesen werden.",
	"This request takes no body.":               "Diese Anfrage hat keinen Inhalt.",
	"The body is not UTF-8.":                    "Der Inhalt ist nicht in UTF-8.",
	"The body is not one JSON value.":           "Der Inhalt ist nicht genau ein JSON-Wert.",
	"The field %q is given twice.":              "Das Feld %q steht zweimal da.",
	"The body is nested deeper than %d levels.": "Der Inhalt ist tiefer als %d Ebenen verschachtelt.",
	"The query is not encoded well.":            "Die Parameter der Adresse sind falsch kodiert.",
	"There is no such parameter.":               "Diesen Parameter gibt es nicht.",
	"This parameter is given twice.":            "Dieser Parameter steht zweimal da.",
	"This is not text.":                         "Das ist kein Text.",
	"This is required.":                         "Diese Angabe ist erforderlich.",
	"There is no such field.":                   "Dieses Feld gibt es nicht.",
	"This has the wrong type.":                  "Diese Angabe hat den falschen Typ.",
	"This has the wrong form.":                  "Diese Angabe hat die falsche Form.",
	"This needs at least %d characters.":        "Hier sind mindestens %d Zeichen nötig.",
	"This may have at most %d characters.":      "Hier sind höchstens %d Zeichen erlaubt.",
	"At least %d entries are needed.":           "Mindestens %d Einträge sind nötig.",
	"At most %d entries are allowed.":           "Höchstens %d Einträge sind erlaubt.",
	"This must be at least %v.":                 "Der Wert muss mindestens %v sein.",
	"This must be at most %v.":                  "Der Wert darf höchstens %v sein.",
	"This must be one of: %s.":                  "Erlaubt sind: %s.",

	// Read models.
	"Something is being done with this view already. Wait for its end.": "Mit dieser Ansicht geschieht schon etwas. Warten Sie dessen Ende ab.",
	"This is in use and can't be dropped.":                              "Dies wird benutzt und kann nicht gelöscht werden.",
	"It does not stand before this event.":                              "Vor diesem Ereignis wird nicht gehalten.",

	// The past.
	"This is neither a time such as 2026-05-03T12:00:00Z nor a position of the log.": "Das ist weder ein Zeitpunkt wie 2026-05-03T12:00:00Z noch eine Stelle im Protokoll.",
	"This moment has not come yet.":                                       "Dieser Zeitpunkt liegt in der Zukunft.",
	"When devices called in is not known of the past.":                    "Wann sich Geräte gemeldet haben, ist für die Vergangenheit nicht bekannt.",
	"This moment is being built from the log. Repeat in a while.":         "Dieser Zeitpunkt wird aus dem Protokoll aufgebaut. Wiederholen Sie die Anfrage in Kürze.",
	"Other moments of the past are being built first. Repeat in a while.": "Zuerst werden andere Zeitpunkte der Vergangenheit aufgebaut. Wiederholen Sie die Anfrage in Kürze.",
	"This moment takes more room than the portal keeps for the past.":     "Dieser Zeitpunkt braucht mehr Platz, als das Portal für die Vergangenheit vorhält.",
}

// Unsaid gives the translated sentences that are not among those that are said.
func Unsaid(said []string) (forgotten []string) {
	all := map[string]bool{}
	for _, s := range said {
		all[s] = true
	}
	for s := range germanSentences {
		if !all[s] {
			forgotten = append(forgotten, s)
		}
	}
	return forgotten
}
