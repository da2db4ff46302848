; INT 13h: functions that move no data: reset, status, seek and the tests of the drive.
;
; AH = 05h (format) and 16h (media change) have no entry: 01h, as a hard disk of SeaBIOS answers 16h.
; A disk on the network has no tracks to format, and "done" would not be true.
%include "romgen.inc"
%include "int13.inc"

global int13_00_reset:function
global int13_01_last_status:function
global int13_10_ready:function
global int13_succeed:function
global int13_bad_command:function
extern disk_check

INT13_FUNCTION 00, int13_00_reset
INT13_FUNCTION 01, int13_01_last_status
INT13_FUNCTION 09, int13_succeed        ; set drive parameters
INT13_FUNCTION 0D, int13_00_reset       ; alternate reset
INT13_FUNCTION 10, int13_10_ready
INT13_FUNCTION 11, int13_succeed        ; recalibrate
INT13_FUNCTION 14, int13_succeed        ; controller's self test

CODE int13
;---------------------------------------------------------------------------
; int13_00_reset - is the session well? Boot loaders call this between retries, and freely
; in:       none
; out:      CF = 0, AL = INT13_OK or INT13_RESET_FAILED
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, FS, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
; Nothing goes over the wire while the session is well (disk_check).
int13_00_reset:
        push    INT13_RESET_FAILED
int13_check_session: ; fallthrough: the status for a failure is on the stack
        push    ebp
        call    disk_check
        pop     ebp
        pop     ax
        jc      int13_done
int13_succeed: ; fallthrough: functions that have nothing to do
        mov     al, INT13_OK
int13_done: ; fallthrough:
        clc
        ret

;---------------------------------------------------------------------------
; int13_10_ready - is the drive ready?
; in:       none
; out:      CF = 0, AL = INT13_OK or INT13_NOT_READY
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, FS, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_10_ready:
        push    INT13_NOT_READY
        jmp     short int13_check_session

;---------------------------------------------------------------------------
; int13_01_last_status - the status of the call before this one
; in:       none
; out:      CF = 0, AL = that status; so it stays the last one
; clobbers: ES
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
int13_01_last_status:
        push    BDA_SEGMENT
        pop     es
        mov     al, [es:BDA_DISK_STATUS]
        clc
        ret

;---------------------------------------------------------------------------
; int13_bad_command - a wrong parameter
; in:       none
; out:      CF = 0, AL = INT13_BAD_COMMAND
; clobbers: flags
; needs:    nothing
;---------------------------------------------------------------------------
int13_bad_command:
        mov     al, INT13_BAD_COMMAND
        clc
        ret
