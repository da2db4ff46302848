; Boot variables: what they demand of each other. Its twin is romgen/ev/check.py, with the same order.
%include "romgen.inc"
%include "ev.inc"

global ev_check:function

extern ev_auth_method
extern ev_blame
extern ev_boot_protocol
extern ev_chap_secret
extern ev_chap_secret_len
extern ev_chapm_secret
extern ev_chapm_secret_len
extern ev_copies
extern ev_copies_end
extern ev_deferred
extern ev_deferred_line
extern ev_deferred_variable
extern ev_initiator_ip
extern ev_initiator_netmask
extern ev_initiator_route
extern ev_line
extern ev_lines
extern ev_refused
extern ev_refused_end
extern ev_required
extern ev_target_ip
extern ev_target_ip2
extern ev_variable
extern ev_warn

INITCODE ev
;---------------------------------------------------------------------------
; ev_check - second target's defaults and the rules between variables
; in:       the variables as the text gave them, ev_lines, ev_deferred
; out:      CF = 0; CF = 1, AX = error number, error_detail = line or 0, ev_variable = which
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
ev_check:
        mov     ax, [ev_deferred]
        test    ax, ax
        jz      .copies
        mov     dl, [ev_deferred_variable]
        mov     [ev_variable], dl
        mov     dx, [ev_deferred_line]
        mov     [ev_line], dx
        cmp     byte [ev_auth_method], 0
        jne     ev_blame
        call    ev_warn
.copies:
        push    ds
        pop     es
        mov     bx, ev_copies
.copy:
        cmp     bx, ev_copies_end
        jae     .required
        mov     al, [cs:bx + ev_copy.index]
        call    ev_look
        jz      .not_given
        mov     al, [cs:bx + ev_copy.needs]
        call    ev_given
        jnz     .copied
        mov     ax, ERR_EV_NO_TARGET2
        call    ev_warn
        jmp     .copied
.not_given:
        mov     si, [cs:bx + ev_copy.from]
        mov     di, [cs:bx + ev_copy.variable]
        mov     cx, [cs:bx + ev_copy.size]
        rep movsb
.copied:
        add     bx, ev_copy_size
        jmp     .copy
.required:
%if WITH_ISCSI
        cmp     byte [ev_boot_protocol], 0
        jne     .good                   ; not iSCSI: nothing more is asked
        mov     si, ev_required
        call    ev_require
        mov     dx, ERR_EV_MISSING
        jc      .missing
        movzx   cx, byte [ev_auth_method]
        jcxz    .routes
        push    cx
.chap:
        call    ev_require
        jc      .chap_missing
        loop    .chap
        pop     cx
        dec     cx
        jz      .routes
        mov     al, EVX_CHAPM_SECRET
        call    ev_look
        mov     dx, ERR_EV_SECRET_SAME
        mov     cx, [ev_chapm_secret_len]
        cmp     cx, [ev_chap_secret_len]
        jne     .routes
        mov     si, ev_chap_secret
        mov     di, ev_chapm_secret
        repe cmpsb
        je      .bad
.routes:
        mov     ebx, [ev_initiator_ip]
        mov     ecx, [ev_initiator_netmask]
        mov     edx, [ev_initiator_route]
        test    edx, edx
        jz      .no_route
        mov     al, EVX_INITIATOR_ROUTE
        call    ev_look
        xor     edx, ebx
        jz      .bad_route              ; the gateway is this machine
        test    edx, ecx
        jz      .refusals
.bad_route:
        mov     dx, ERR_EV_ROUTE
        jmp     .bad
.no_route:
        mov     edx, [ev_target_ip]
        mov     al, EVX_TARGET_IP
        call    ev_look
        xor     edx, ebx
        test    edx, ecx
        jnz     .not_reached
        mov     edx, [ev_target_ip2]
        test    edx, edx
        jz      .refusals
        mov     al, EVX_TARGET_IP2
        call    ev_look
        xor     edx, ebx
        test    edx, ecx
        jz      .refusals
.not_reached:
        mov     dx, ERR_EV_NO_ROUTE
        jmp     .bad
.refusals:
%if EV_REFUSALS                 ; variables that this version has the syntax of, and no more
        mov     bx, ev_refused
.refusal:
        cmp     bx, ev_refused_end
        jae     .good
        mov     al, [cs:bx + ev_refusal.index]
        call    ev_look
        mov     di, [cs:bx + ev_refusal.variable]
        movzx   cx, byte [cs:bx + ev_refusal.size]
        xor     al, al
        repe scasb
        mov     dx, ERR_EV_REFUSED
        jne     .bad
        add     bx, ev_refusal_size
        jmp     .refusal
%endif
%endif
.good:
        clc
        ret
%if WITH_ISCSI
.chap_missing:
        pop     cx
        mov     bx, [ev_lines + EVX_AUTH_METHOD * 2]
        mov     dx, ERR_EV_CHAP_MISSING
        jmp     .line
.missing:
        xor     bx, bx                  ; there is no line to blame
.line:
        mov     [ev_line], bx
.bad:
        mov     ax, dx
        jmp     ev_blame
%endif

;---------------------------------------------------------------------------
; ev_require - all variables of a list must be in the text
; in:       SI = list of indices in CS
; out:      CF = 0, SI = behind the list; CF = 1, ev_variable = the first that is missing
; clobbers: AX, DI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ev_require:
        cs lodsb
        cmp     al, EV_NO_VARIABLE
        je      .all                    ; CF = 0
        call    ev_look
        jnz     ev_require
        stc
.all:
        ret

;---------------------------------------------------------------------------
; ev_look - a variable becomes the one at hand, for messages
; in:       AL = its index
; out:      ev_variable, ev_line; ZF = 1: it is not in the text
; clobbers: AX, DI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ev_look:
        mov     [ev_variable], al
        call    ev_given
        mov     [ev_line], ax
        ret

;---------------------------------------------------------------------------
; ev_given - is a variable in the text?
; in:       AL = its index
; out:      AX = its line; ZF = 1: it is not in the text
; clobbers: DI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ev_given:
        movzx   di, al
        add     di, di
        mov     ax, [di + ev_lines]
        test    ax, ax
        ret
