; Text on the console by INT 10h, messages with fields.
%include "romgen.inc"
%include "lib.inc"

global print_char:function
global print_text:function
global print_message:function
global print_dec:function

CHAR_NORMAL     equ 0007h               ; page 0, grey: what INT 10h AH=0Eh wants in BX

CODE print
;---------------------------------------------------------------------------
; print_char - one character to the console
; in:       AL = character
; out:      nothing
; clobbers: none
; needs:    a BIOS; 60 bytes of stack and what INT 10h takes
;---------------------------------------------------------------------------
; Everything is saved: some video BIOSes lose BP, and serial redirection loses AX and more.
print_char:
        pushf
        pushad
        push    ds
        push    es
        mov     ah, 0Eh
        mov     bx, CHAR_NORMAL
        int     10h
        pop     es
        pop     ds
        popad
        popf
        ret

;---------------------------------------------------------------------------
; print_message - text with fields to the console
; in:       CS:SI = message made by MSG
; out:      nothing
; clobbers: none
; needs:    DS = DGROUP where the message has fields
;---------------------------------------------------------------------------
print_message:
        push    si
        call    print_text
        pop     si
        ret

;---------------------------------------------------------------------------
; print_text - as print_message, for texts that stand behind each other
; in:       CS:SI = message made by MSG
; out:      SI = behind its terminating 0
; clobbers: SI
; needs:    as print_message
;---------------------------------------------------------------------------
print_text:
        pushf
        pushad
        mov     bp, sp
.next:
        cs lodsb
        test    al, al
        jz      .done
        cmp     al, F_DEC8
        ja      .char
        cmp     al, 10                  ; line feed, the one control code among the fields' numbers
        je      .char
        movzx   bx, al
        cs lodsw
        push    si
        push    bp
        xchg    si, ax                  ; what to show
        add     bx, bx
        call    [cs:print_fields + bx - 2]
        pop     bp
        pop     si
        jmp     .next
.char:
        call    print_char
        jmp     .next
.done:
        mov     [bp + pushad_frame.esi], si
        popad
        popf
        ret

; The fields. All: DS:SI = what to show; any register but BP, SP and segments may change.
.string_char:
        call    print_char
.string:
        lodsb
        test    al, al
        jnz     .string_char
        ret

.ip:
        mov     di, 4
.ip_byte:
        call    .dec8
        mov     al, '.'
        dec     di
        jnz     .separate_ip
        ret
.separate_ip:
        call    print_char
        jmp     .ip_byte

.mac:
        mov     di, 6
.mac_byte:
        call    .hex8
        mov     al, ':'
        dec     di
        jnz     .separate_mac
        ret
.separate_mac:
        call    print_char
        jmp     .mac_byte

.dec8:
        lodsb
        movzx   eax, al
        jmp     .dec
.dec16:
        lodsw
        movzx   eax, ax
        jmp     .dec
.dec32:
        lodsd
.dec:
        xor     edx, edx
        jmp     print_dec
.dec64:
        lodsd
        mov     edx, [si]
        jmp     print_dec

.hex8:
        lodsb
        mov     cx, 2
        shl     eax, 24
        jmp     .hex
.hex16:
        lodsw
        mov     cx, 4
        shl     eax, 16
        jmp     .hex
.hex32:
        lodsd
        mov     cx, 8
.hex:
        rol     eax, 4
        push    eax
        and     al, 0Fh
        cmp     al, 10
        sbb     al, 69h                 ; 0-9 -> 96h.., A-F -> A1h..; DAS makes ASCII of both
        das
        or      al, 20h                 ; small letters; digits have this bit anyway
        call    print_char
        pop     eax
        loop    .hex
        ret

; A LUN is a plain number in the peripheral or flat form of its first level (SAM-5, 4.7) with
; nothing below; anything else is shown as it is on the wire.
.lun:
        mov     ax, [si]
        xchg    al, ah
        movzx   edx, word [si + 2]
        or      edx, [si + 4]
        jnz     .raw_lun
        btr     ax, 14
        jc      .flat_lun
        test    ah, ah                  ; peripheral form with a bus number
        jnz     .raw_lun
.flat_lun:
        test    ax, ax
        js      .raw_lun
        movzx   eax, ax
        jmp     .dec
.raw_lun:
        mov     al, '0'
        call    print_char
        mov     al, 'x'
        call    print_char
        mov     di, 8
.raw_byte:
        call    .hex8
        dec     di
        jnz     .raw_byte
        ret

;---------------------------------------------------------------------------
; print_dec - a number in decimal to the console
; in:       EDX:EAX = number
; out:      nothing
; clobbers: EAX, EBX, ECX, EDX, flags
; needs:    a BIOS
;---------------------------------------------------------------------------
; All digits but the last by calling itself, then the last.
print_dec:
        mov     ecx, 10
        xchg    eax, edx
        xor     ebx, ebx
        xchg    ebx, edx                ; EBX = low half, EDX:EAX = 0:high half
        div     ecx
        xchg    eax, ebx                ; EBX = high half of the quotient
        div     ecx                     ; EAX = low half, EDX = digit
        push    dx
        mov     edx, ebx
        or      ebx, eax
        jz      .last_digit
        call    print_dec
.last_digit:
        pop     ax
        add     al, '0'
        jmp     print_char

RODATA print
print_fields:                           ; by number, from F_STR = 1
        dw      print_text.string
        dw      print_text.ip
        dw      print_text.mac
        dw      print_text.dec16
        dw      print_text.dec32
        dw      print_text.hex8
        dw      print_text.hex16
        dw      print_text.hex32
        dw      print_text.dec64
        dw      0                       ; 10 is the line feed
        dw      print_text.lun
        dw      print_text.dec8
